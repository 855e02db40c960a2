"""How the HTML report looks: on a screen, in the dark, on paper. One string, since the report is one file."""

from typing import Final

STYLE: Final = """\
:root { color-scheme: light dark; --ink: #1c2024; --soft: #60646c; --line: #d9d9e0; --page: #f4f5f7; --card: #ffffff;
  --good: #18794e; --good-bg: #ddf3e4; --bad: #b4232c; --bad-bg: #ffe5e5; --open: #8a5800; --open-bg: #fff1cc; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #a0a5ad; --line: #363a40; --page: #121416;
  --card: #1c1f23; --good: #6fd99b; --good-bg: #143524; --bad: #ff9592; --bad-bg: #42181a; --open: #ffca16; --open-bg: #3a2b05; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 2rem 1rem 4rem; }
header { margin-bottom: 2rem; }
.over { margin: 0; color: var(--soft); text-transform: uppercase; letter-spacing: .08em; font-size: .75rem; }
h1 { margin: .1rem 0 1rem; font-size: 1.6rem; overflow-wrap: anywhere; }
h2 { margin: 0 0 .8rem; font-size: 1.15rem; overflow-wrap: anywhere; }
h3 { margin: 0; font-size: 1.05rem; }
h4 { margin: 1.2rem 0 .3rem; color: var(--soft); font-size: .8rem; text-transform: uppercase; letter-spacing: .06em; }
code, pre { font: .86em/1.5 ui-monospace, SFMono-Regular, Menlo, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
pre { margin: .6rem 0; padding: .6rem .8rem; background: var(--page); border-radius: 6px; white-space: pre-wrap; }
dl { display: grid; grid-template-columns: 7rem 1fr; gap: .2rem .8rem; margin: 0 0 .8rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
q { quotes: none; font-style: italic; white-space: pre-wrap; }
.run { margin: 0 0 2rem; padding: 1.2rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
article { margin-top: 1.2rem; padding-top: 1.2rem; border-top: 1px solid var(--line); }
.id { margin: 0; color: var(--soft); }
.chip { display: inline-block; white-space: nowrap; padding: 0 .55rem; border-radius: 999px; font-size: .78rem; font-weight: 600;
  vertical-align: .1em; background: var(--page); color: var(--soft); }
.good { background: var(--good-bg); color: var(--good); }
.bad { background: var(--bad-bg); color: var(--bad); }
.open { background: var(--open-bg); color: var(--open); }
table { width: 100%; border-collapse: collapse; font-size: .88rem; }
th { text-align: left; color: var(--soft); font-weight: 500; }
th, td { padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
td:first-child { white-space: nowrap; }
.when { width: 13rem; }
.decided { table-layout: fixed; }
.decided th:nth-child(2) { width: 10.5rem; }
.decided th:nth-child(3) { width: 15rem; }
.proof { table-layout: fixed; }
.proof th:nth-child(2) { width: 11rem; }
.proof th:nth-child(3) { width: 4rem; }
td pre { margin: 0; }
.passed td { color: var(--soft); }
summary { cursor: pointer; margin-top: .8rem; color: var(--soft); font-size: .88rem; }
a { color: inherit; }
@media (max-width: 640px) { dl { grid-template-columns: 1fr; } dt { margin-top: .4rem; } td:first-child { white-space: normal; } }
@media print { body { background: none; } .run { border: 0; padding: 0; } article { break-inside: avoid-page; } }
"""
