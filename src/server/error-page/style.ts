/** The style of the error page. */

export const STYLE: string = `
:root { color-scheme: light dark; --ink: light-dark(#1c1b1f, #e6e1e5); --paper: light-dark(#fff, #16151a); --card: light-dark(#f6f5f8, #201f26);
  --line: light-dark(#dcd9e0, #39373f); --dim: light-dark(#63606b, #a09ca8); --red: light-dark(#b3261e, #ffb4ab); --mark: light-dark(#fde4e1, #4a1f1c);
  --keyword: light-dark(#8b2fa8, #d9a4ee); --text: light-dark(#1b6a35, #93d7a4); --number: light-dark(#0b57a4, #9dc8ff); }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 64rem; }
h1 { font-size: .95rem; font-weight: 500; color: var(--dim); margin: 0; overflow-wrap: anywhere; }
h1 b { color: var(--red); font-weight: 600; }
h2 { font-size: .95rem; font-weight: 600; margin: 2.25rem 0 .5rem; }
.message { font-size: 1.4rem; line-height: 1.35; font-weight: 600; white-space: pre-wrap; overflow-wrap: anywhere; margin: .35rem 0 1rem; }
.inner .message { font-size: 1.1rem; margin: 0 0 .75rem; }
.inner { border-left: 3px solid var(--line); padding-left: 1rem; margin-top: 1.75rem; }
.relation { color: var(--dim); font-size: .875rem; margin: 0; }
pre, code, summary, table, .way { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: 13px; line-height: 1.6; }
details { border: 1px solid var(--line); border-radius: 8px; margin: .5rem 0; background: var(--card); overflow: hidden; }
summary { cursor: pointer; padding: .45rem .75rem; overflow-wrap: anywhere; }
summary:focus-visible, a:focus-visible { outline: 2px solid var(--number); outline-offset: -2px; }
summary .where, .others > summary { color: var(--dim); }
details.others { background: none; }
pre { margin: 0; padding: .5rem 0; overflow-x: auto; border-top: 1px solid var(--line); tab-size: 4; }
pre > span { display: block; width: max-content; min-width: 100%; padding: 0 .75rem; }
pre > span > i { font-style: normal; color: var(--dim); user-select: none; margin-right: 1rem; }
pre > .at { background: var(--mark); }
pre > .at > i { color: var(--red); font-weight: 700; }
pre.plain { padding: .5rem .75rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.comment { color: var(--dim); } .text { color: var(--text); } .keyword { color: var(--keyword); } .number { color: var(--number); }
a { color: var(--number); text-decoration: none; } a:hover { text-decoration: underline; }
.others ul { list-style: none; margin: 0; padding: .35rem .75rem .6rem; border-top: 1px solid var(--line); color: var(--dim); overflow-wrap: anywhere;
  font: 12px/1.7 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
.way { list-style: none; display: flex; flex-wrap: wrap; gap: .4rem; margin: 0 0 1rem; padding: 0; }
.way li { border: 1px solid var(--line); border-radius: 8px; background: var(--card); padding: .1rem .6rem; overflow-wrap: anywhere; }
.way li + li::before { content: "→ "; color: var(--dim); }
.way small { color: var(--dim); font-size: inherit; }
.way .failed { border-color: var(--red); color: var(--red); font-weight: 600; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .2rem 1rem .2rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { color: var(--dim); font-weight: 400; }
@media (min-width: 40rem) { th { white-space: nowrap; width: 1%; } }
@media (max-width: 40rem) { th, td { display: block; padding: .2rem 0 0; border: 0; } td { padding: 0 0 .2rem; border-bottom: 1px solid var(--line); } .inner { padding-left: .6rem; } }
`;
