"""How a page of evidence looks, and its script; what it may load, which is these two.

The page asks nobody for anything: its policy allows only the one style sheet and the one script that are in it, by
their digests, and so no attribute `style` either.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

__all__ = ["BACK", "COLOURS", "FULL", "INK", "POLICY", "SCRIPT", "STEPS", "STYLE", "UNDERLINES"]

# Okabe and Ito's palette, which people tell apart who see few colours; without its black.
COLOURS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167))
UNDERLINES = ("solid", "double", "dashed")  # when the colours begin again
INK = {"light": "#16181d", "dark": "#f1f2f4"}
BACK = {"light": "#ffffff", "dark": "#16181d"}
FULL = {"light": 0.42, "dark": 0.34}  # how strong a colour is behind the text, at most: the text stays readable
STEPS = 10  # of confidence

_MODES = {
    "light": "--dim:#595d66;--line:#c9ccd3;--soft:#f4f5f7;--bad:#a8001c;--link:#0b57a4;--shade:#a8001c1f",
    "dark": "--dim:#b0b5bf;--line:#444a55;--soft:#20242b;--bad:#ffa3a3;--link:#9cc9ff;--shade:#ffa3a32e",
}
_RULES = """
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);font:15px/1.5 system-ui,"Segoe UI",Roboto,"Noto Sans",sans-serif}
header,#warnings{padding:.75rem 1rem}
h1{font-size:1.35rem;margin:0 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1.05rem;margin:0 0 .5rem}
p,ul,dl,dd,ol{margin:0}
a{color:var(--link)}
code{font:.9em ui-monospace,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
small,.dim{color:var(--dim)}
small{font-size:.8rem}
.skip{position:absolute;left:-999rem}
.skip:focus{position:static;margin-right:1rem}
header details{margin-top:.5rem;color:var(--dim)}
header li{margin:.15rem 0}
#warnings{border:solid var(--bad);border-width:1px 0;background:var(--shade)}
#warnings h2,.bad{color:var(--bad)}
#warnings ul{padding-left:1.2rem}
#warnings li{overflow-wrap:anywhere}
.pane{padding:.75rem 1rem;border-top:1px solid var(--line)}
.pane:focus-visible{outline:2px solid var(--link);outline-offset:-2px}
#document{position:sticky;top:0;z-index:1;max-height:45vh;overflow:auto;background:var(--back);
 border-bottom:2px solid var(--line)}
#values a,#values [id]{scroll-margin-top:48vh}
#text{font:13px/1.75 ui-monospace,"DejaVu Sans Mono",monospace;white-space:pre-wrap;overflow-wrap:anywhere;
 unicode-bidi:plaintext;tab-size:8}
.m,.e,.g,a.v{color:var(--ink);text-decoration:none;-webkit-box-decoration-break:clone;box-decoration-break:clone}
.m,a.v{background:rgb(var(--c)/calc(var(--o,1)*var(--full)));border-bottom:3px var(--u,solid) rgb(var(--c));
 border-radius:2px}
.e{border-bottom:2px dotted rgb(var(--c))}
.n{outline:1px dotted var(--dim);outline-offset:-1px}
.g{outline:2px dashed var(--bad)}
.g:not(.m){background:var(--shade)}
.x{font-style:normal;font-size:.8em;color:var(--bad);border:1px solid;border-radius:2px;margin:0 1px}
.page,.cut,.tag{font:.75rem system-ui,sans-serif;color:var(--dim);user-select:none}
.page,.cut{display:block;border-top:1px dashed var(--dim);margin:.5rem 0}
.cut,.tag{color:var(--bad)}
.tag{display:block;font-weight:600}
.v{white-space:pre-wrap;overflow-wrap:anywhere}
.nil{color:var(--dim);font-style:italic}
.r{display:grid;grid-template-columns:minmax(5rem,10rem) minmax(0,2fr);gap:0 .75rem;padding:.2rem 0;
 border-bottom:1px solid var(--soft)}
.r.deep{display:block}
.r.deep>dd{padding-left:.75rem;border-left:2px solid var(--line)}
dt{font-weight:600;overflow-wrap:anywhere}
.l{padding-left:1.8rem}
.l>li{padding:.15rem 0}
.gaps{list-style:none;counter-increment:list-item 0}
summary{cursor:pointer}
.w{overflow-x:auto}
table{border-collapse:collapse;font-size:.9rem}
th,td{border:1px solid var(--line);padding:.25rem .5rem;text-align:start;vertical-align:top}
td{min-width:6.5rem}
td small{display:block;line-height:1.25}
th{background:var(--soft)}
.gaps{background:var(--shade);color:var(--bad)}
:target,.on{outline:3px solid var(--link)!important;outline-offset:1px!important}
.also{outline:2px dotted var(--link)!important}
a:focus-visible,summary:focus-visible,.w:focus-visible{outline:3px solid var(--link);outline-offset:1px}
@media(min-width:800px){
 main{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);align-items:start}
 main.alone{display:block}
 .pane{position:sticky;top:0;max-height:100vh;overflow:auto}
 #document{max-height:100vh;border-bottom:0;border-right:1px solid var(--line)}
 #values a,#values [id]{scroll-margin-top:2rem}
}
@media print{
 main{display:block}
 .skip{display:none}
 .pane,#document{position:static;max-height:none;overflow:visible}
 .m,.v,.g,#warnings,th{print-color-adjust:exact;-webkit-print-color-adjust:exact}
 tr,.r:not(.deep){break-inside:avoid}
}
"""


def _style() -> str:
    variables = {
        mode: f"--ink:{INK[mode]};--back:{BACK[mode]};--full:{FULL[mode]};{rest}" for mode, rest in _MODES.items()
    }
    return "".join(
        [
            f":root{{color-scheme:light dark;{variables['light']}}}\n",
            f"@media screen and (prefers-color-scheme:dark){{:root{{{variables['dark']}}}}}",
            _RULES,
            *(f".c{number}{{--c:{red} {green} {blue}}}" for number, (red, green, blue) in enumerate(COLOURS)),
            *(
                f".t{number}{{border-top:3px solid rgb({red} {green} {blue})}}"
                for number, (red, green, blue) in enumerate(COLOURS)
            ),
            ".k{--c:128 128 128}\n",
            *(f".u{number}{{--u:{line}}}" for number, line in enumerate(UNDERLINES)),
            *(f".o{step}{{--o:{0.2 + 0.8 * step / STEPS:.2f}}}" for step in range(STEPS + 1)),
        ]
    )


STYLE = _style()
SCRIPT = """
"use strict";
(() => {
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const having = (within, name, numbers) =>
    (numbers || "").split(" ").filter(Boolean).slice(0, 99)
      .flatMap((number) => [...document.querySelectorAll(`${within} [data-${name}~="${number}"]`)]);
  // What belongs to a value or a mark on the other side: the same places, else those where the same stands.
  const others = (it) => {
    if (!it.closest("#document"))
      return [having("#document", "p", it.dataset.p), having("#document", "p", it.dataset.e)];
    const own = having("#values", "p", it.dataset.p);
    const also = having("#values", "e", it.dataset.p);
    return [own.length ? own : also.length ? also : having("#warnings", "p", it.dataset.p), also];
  };
  const bring = (it) => {
    for (let at = it.closest("details"); at; at = at.parentElement.closest("details")) at.open = true;
    const pane = it.closest(".pane");
    const behavior = calm.matches ? "auto" : "smooth";
    const block = it.closest("#document") ? "nearest" : "center";
    if (!pane || pane.scrollHeight <= pane.clientHeight + 1) return it.scrollIntoView({ block, behavior });
    const row = it.closest(".w");
    if (row) row.scrollLeft += it.getBoundingClientRect().left - row.getBoundingClientRect().left - row.clientWidth / 3;
    const at = it.getBoundingClientRect().top;
    const wanted = pane.scrollTop + at - pane.getBoundingClientRect().top - pane.clientHeight / 3;
    const top = Math.max(0, Math.min(wanted, pane.scrollHeight - pane.clientHeight));
    const seen = at + pane.scrollTop - top;
    pane.scrollTo({ top, behavior });
    // The pane itself may be below the window, after many warnings.
    if (seen < 0 || seen > innerHeight - 60) scrollBy({ top: seen - innerHeight / 3, behavior });
  };
  const show = (it) => {
    for (const old of document.querySelectorAll(".on, .also")) old.classList.remove("on", "also");
    const [own, also] = others(it);
    for (const mark of also) mark.classList.add("also");
    for (const mark of [it, ...own]) mark.classList.add("on");
    if (own.length) bring(own[0]);
    return own[0];
  };
  addEventListener("focusin", ({ target }) => { if (target.matches("a[data-p]")) show(target); });
  addEventListener("click", (event) => {
    const it = event.target.closest('a[href^="#"]');
    if (!it) return;
    event.preventDefault();
    const other = it.matches("[data-p]") ? show(it) : document.getElementById(it.hash.slice(1));
    // Enter goes over to the other side; a click leaves the focus where it is.
    if (other && (event.detail === 0 || !it.dataset.p)) { bring(other); other.focus({ preventScroll: true }); }
  });
})();
"""


def _digest(text: str) -> str:
    return "'sha256-" + b64encode(sha256(text.encode()).digest()).decode() + "'"


POLICY = (
    f"default-src 'none'; style-src {_digest(STYLE)}; script-src {_digest(SCRIPT)}; base-uri 'none'; form-action 'none'"
)
