"""Does the codec draw what a camera would have seen? Figures, a table and contact sheets.

Knows renders of people that training never saw, clips, and who is compared. Refuses to train.
"""
