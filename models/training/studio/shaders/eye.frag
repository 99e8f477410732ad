#version 330
// Eyeballs: sclera, iris behind a cornea, pupil.
#include common
#include surface

uniform vec3 eye_centre[2], eye_axis[2];
uniform float eye_radius[2];
uniform vec3 iris_colour;
uniform float pupil, bloodshot;

vec3 eye() {
    int k = distance(place, eye_centre[0]) < distance(place, eye_centre[1]) ? 0 : 1;
    vec3 axis = eye_axis[k], q = (place - eye_centre[k]) / eye_radius[k];
    vec3 ball = normalize(q);
    float off = length(ball - axis * dot(ball, axis)), rim = 0.475;
    vec3 up = normalize(cross(axis, vec3(1.0, 0.0, 0.0))), side = cross(up, axis);
    vec4 grain = textureLod(noise, rest.xy * 0.55, noise_level);
    vec3 white = mix(vec3(0.80, 0.77, 0.74), vec3(0.72, 0.45, 0.40),
                     smoothstep(0.55, 1.0, off) * (0.35 + 0.6 * bloodshot) * (0.6 + 0.8 * grain.x));
    white *= mix(vec3(1.0), vec3(1.0, 0.93, 0.85), bloodshot * 0.5);
    float behind = dot(ball, axis) > 0.0 ? 1.0 : 0.0;
    // The iris lies behind the cornea: refract, then meet its plane.
    vec3 bent = refract(-v, normalize(mix(ball, n, 0.5)), 1.0 / 1.34);
    float plane = sqrt(1.0 - rim * rim) - 0.03;
    float t = (dot(q, axis) - plane) / max(-dot(bent, axis), 0.2);
    vec3 hit = q + bent * max(t, 0.0);
    vec3 flat_ = hit - axis * dot(hit, axis);
    float r = length(flat_) / rim, angle = atan(dot(flat_, up), dot(flat_, side));
    float fibre = textureLod(noise, vec2(angle * 1.3, r * 0.25), noise_level).x * 0.6
        + textureLod(noise, vec2(angle * 2.7, r * 0.5 + 0.3), noise_level).y * 0.4;
    vec3 iris = iris_colour * (0.40 + 1.15 * fibre) * mix(1.25, 0.75, r);
    iris = mix(iris, iris_colour * vec3(1.5, 1.15, 0.6), smoothstep(0.58, 0.34, r) * 0.35);
    iris *= mix(1.0, 0.22, smoothstep(0.80, 1.0, r));
    iris *= clamp(0.55 + 0.6 * dot(normalize(flat_ + 1e-4), -key_direction), 0.3, 1.4) * 1.15;
    iris = mix(vec3(0.006), iris, smoothstep(pupil - 0.03, pupil + 0.04, r));
    vec3 albedo = mix(white, iris, smoothstep(1.07, 0.95, max(r, off / rim)) * behind);
    float s = mix(0.3, 1.0, lit(place, ball));
    vec3 diffuse = irradiance(ball) * open + key_colour * wrapped(dot(ball, key_direction), vec3(0.35, 0.25, 0.2)) * s;
    vec3 wet = normalize(mix(ball, n, 0.8));
    vec3 c = albedo * diffuse * 0.82;
    c += key_colour * min(ggx(wet, v, key_direction, 0.15), 3.0) * s;
    vec3 glance = reflect(-v, wet);
    c += reflected(glance, 0.5) * (0.022 + 0.4 * pow(1.0 - max(dot(wet, v), 0.0), 5.0)) * smoothstep(-0.35, 0.3, glance.y) * open;
    return c;
}

void main() {
    fetch();
    colour = vec4(develop(eye()), 1.0);
}
