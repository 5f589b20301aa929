"""`jazari demo`: a whole network on this machine, through the commands that an operator would use."""
