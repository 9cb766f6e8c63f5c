"""The module and its artefact: composition, the encoder bank, the two stages, saving and loading."""
