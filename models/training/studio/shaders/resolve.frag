#version 330
// The mean of the samples of a pixel that were shaded.
uniform sampler2D samples;
out vec4 colour;
void main() {
    ivec2 first = ivec2(gl_FragCoord.xy) * 2;
    vec4 a = texelFetch(samples, first, 0), b = texelFetch(samples, first + ivec2(1, 0), 0);
    vec4 c = texelFetch(samples, first + ivec2(0, 1), 0), d = texelFetch(samples, first + 1, 0);
    vec3 sum = a.rgb * a.a + b.rgb * b.a + c.rgb * c.a + d.rgb * d.a;
    colour = vec4(sum / max(a.a + b.a + c.a + d.a, 0.004), 1.0);
}
