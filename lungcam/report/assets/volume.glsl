#version 300 es
// Casts a ray per pixel through a volume of two components: lungs (red), heat (green).
precision highp float;
precision highp sampler3D;

uniform sampler3D volume;
uniform sampler2D tables;   // rows: lungs, heat (colour, opacity for 1 mm), factor by gradient
uniform vec3 low, high;     // bounds of the visible box, mm
uniform vec3 start, extent; // of the whole volume, mm
uniform vec3 voxel;         // mm
uniform vec3 centre;        // of the picture, mm
uniform vec3 right, up, toward;
uniform vec2 half_size;     // of the picture, mm
uniform vec2 pixels;
uniform float lungs_share, heat_share, step_mm, lit;
uniform vec3 background;
out vec4 colour;

vec2 values(vec3 p) { return texture(volume, (p - start) / extent).rg; }

vec4 row(float value, float which) { return texture(tables, vec2((value * 255.0 + 0.5) / 256.0, which)); }

float noise(vec2 p) { return fract(52.9829189 * fract(dot(p, vec2(0.06711056, 0.00583715)))); }

void main() {
    vec2 mm = (2.0 * gl_FragCoord.xy / pixels - 1.0) * half_size;
    // far enough outside for any direction
    vec3 origin = centre + right * mm.x + up * mm.y + toward * length(extent);
    vec3 ray = -toward;
    vec3 safe = mix(ray, vec3(1e-6), lessThan(abs(ray), vec3(1e-6)));
    vec3 a = (low - origin) / safe, b = (high - origin) / safe;
    vec3 near = min(a, b), far = max(a, b);
    float t = max(max(near.x, near.y), near.z), end = min(min(far.x, far.y), far.z);
    vec3 sum = vec3(0.0);
    float clear = 1.0;
    t += step_mm * noise(gl_FragCoord.xy);
    for (; t < end && clear > 0.02; t += step_mm) {
        vec3 p = origin + ray * t;
        vec2 here = values(p);
        vec4 lungs = row(here.r, 1.0 / 6.0), heat = row(here.g, 0.5);
        lungs.a *= lungs_share;
        heat.a = min(1.0, heat.a * heat_share);
        if (lungs.a > 0.0) {
            vec3 slope = 0.5 * vec3(
                values(p + vec3(voxel.x, 0, 0)).r - values(p - vec3(voxel.x, 0, 0)).r,
                values(p + vec3(0, voxel.y, 0)).r - values(p - vec3(0, voxel.y, 0)).r,
                values(p + vec3(0, 0, voxel.z)).r - values(p - vec3(0, 0, voxel.z)).r);
            float steep = length(slope);
            lungs.a *= row(steep, 5.0 / 6.0).a;
            float faces = steep > 0.0 ? abs(dot(slope / steep, toward)) : 0.0;
            vec3 shaded = lungs.rgb * (0.35 + 0.75 * faces) + 0.25 * pow(faces, 20.0);
            lungs.rgb = mix(lungs.rgb, shaded, lit);
        }
        vec2 hidden = 1.0 - pow(1.0 - min(vec2(lungs.a, heat.a), 0.999), vec2(step_mm));
        float both = hidden.x + hidden.y;
        if (both > 0.0) {
            float covers = 1.0 - (1.0 - hidden.x) * (1.0 - hidden.y);
            sum += clear * covers * (lungs.rgb * hidden.x + heat.rgb * hidden.y) / both;
            clear *= 1.0 - covers;
        }
    }
    colour = vec4(min(sum, 1.0) + clear * background, 1.0);
}
