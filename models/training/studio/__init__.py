"""The studio: random people who do not exist, rendered in real time with exact labels.

Training frames for encoders and learned decoder parts come from here. Pictures that may take
minutes come from `training.pathtrace`.
"""
