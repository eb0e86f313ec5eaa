"""A stand-in for the public media catalogues: composes its own media and serves it over the catalogues' wire shapes."""
