"""The path tracer: pictures of people who do not exist, from the ICT-FaceKit head model.

Geometry and grooming are plain numpy; the pictures are path-traced by Blender's Cycles (`bpy`).
"""
