"""A bar for each row of the table of what is due, on one scale: how many times better than due. Plain SVG, readable on light and dark."""

import math
from xml.sax.saxutils import escape

LABEL, BARS, ROW, TOP = 500, 420, 24, 46  # pixels
LEAST, MOST = 0.25, 16  # times what is due: the ends of the scale, which is logarithmic

STYLE = """<style>
text { font: 13px sans-serif; fill: #1b1f24 } .grid { stroke: #8b949e; stroke-opacity: .35 } .due { stroke: #57606a; stroke-width: 2 }
.met { fill: #2da44e } .aim { fill: #0969da } .missed { fill: #cf222e } .mark { stroke: #9a6700; stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .due { stroke: #adbac7 } .mark { stroke: #d4a72c } }
</style>"""


def place(ratio):
    ratio = min(max(ratio, LEAST), MOST)
    return LABEL + BARS * math.log(ratio / LEAST) / math.log(MOST / LEAST)


def bar(row, result, y):
    values = [result[name] for name in row.names]
    ratio = min(row.ratios(values))
    aim = min(row.ratios(row.aim))
    look = "missed" if ratio < 1 else "aim" if row.reached(values) else "met"
    left, right = sorted((place(1), place(ratio)))
    return [f'<text x="{LABEL - 10}" y="{y + 15}" text-anchor="end">{escape(row.text)}</text>',
            f'<rect class="{look}" x="{left:.1f}" y="{y + 4}" width="{max(right - left, 1):.1f}" height="{ROW - 9}"><title>{escape(row.text)}: '
            f'{ratio:.2f} times what is due</title></rect>',
            f'<path class="mark" d="M{place(aim):.1f} {y + 1}v{ROW - 3}"/>',
            f'<text x="{max(right, place(aim)) + 8:.1f}" y="{y + 15}">{escape(row.form.format(*values))}</text>']


def draw(rows, result):
    bottom = TOP + len(rows) * ROW
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LABEL + BARS + 150} {bottom + 12}" role="img">', STYLE,
             f'<text x="{LABEL}" y="16">Times better than what is due (line at 1); the short mark is the aim</text>']
    for ratio in (0.25, 0.5, 1, 2, 4, 8, 16):
        x = place(ratio)
        parts += [f'<path class="{"due" if ratio == 1 else "grid"}" d="M{x:.1f} {TOP - 8}V{bottom}"/>',
                  f'<text x="{x:.1f}" y="{TOP - 14}" text-anchor="middle">{ratio:g}</text>']
    for number, row in enumerate(rows):
        parts += bar(row, result, TOP + number * ROW)
    return "\n".join([*parts, "</svg>\n"])
