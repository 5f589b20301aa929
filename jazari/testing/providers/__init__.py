"""Stand-ins for organisations outside that compute for the network: real HTTP servers whose faults are chosen.

A network's gateway has to survive providers that vanish, stall, cut, lie or flood; none of them does so on request.
These servers do, on loopback, with the answers that real clients accept.
"""
