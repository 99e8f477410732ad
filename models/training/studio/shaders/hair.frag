#version 330
// Strands (Kajiya and Kay 1989, with two highlights).
#include common
#include surface

uniform vec3 hair_colour;
uniform float hair_gloss;

vec3 hair() {
    vec3 base = hair_colour;
    vec3 t = normalize(surface.xyz);
    float tl = dot(t, key_direction), tv = dot(t, v), jitter = surface.w - 0.5;
    float sl = sqrt(max(1.0 - tl * tl, 0.0)), sv = sqrt(max(1.0 - tv * tv, 0.0));
    float first = pow(max(sl * sv - tl * tv, 0.0), 40.0 + 50.0 * surface.w);
    float shifted = tl + 0.22 + 0.25 * jitter;
    float second = pow(max(sqrt(max(1.0 - shifted * shifted, 0.0)) * sv - shifted * tv, 0.0), 10.0);
    float s = lit(place, n);
    float facing = clamp(dot(n, key_direction) * 0.6 + 0.4, 0.0, 1.0);
    vec3 c = base * (0.55 + 0.9 * surface.w);
    vec3 diffuse = irradiance(n) * 0.9 + key_colour * facing * sl * s * 0.8;
    vec3 out_ = c * diffuse * open;
    out_ += key_colour * s * facing * open * hair_gloss * (first * 0.07 + second * (0.55 * c + 0.01));
    out_ += rim_colour * pow(max(dot(n, rim_direction), 0.0), 1.5) * (base + 0.05) * open;
    out_ += reflected(reflect(-v, n), 3.0) * 0.02 * hair_gloss * open;
    return out_;
}

void main() {
    fetch();
    colour = vec4(develop(hair()), 1.0);
}
