"""Numbers out of sound clips (`sound`), video frames (`frames`) and words (`words`): what a model reads when there is no network
of its own for a modality. Each module is imported by its name; torch, torchvision, scipy and librosa load when they are used.
"""
