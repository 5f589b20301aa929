"""llama.cpp beside the gateway: the node's store of models, and one supervised process for each that is used."""
