#version 330
// The whole picture at one group's depth.
in vec2 in_corner;
uniform float group;
void main() { gl_Position = vec4(in_corner, (group + 1.0) / 4.0 - 1.0, 1.0); }
