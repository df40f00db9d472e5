import { Html, html } from './html.js';
import { type ReportInput, type Row, type Section, sectionsOf, summaryOf, titleOf } from './sections.js';
import { timelineOf } from './timeline.js';
import { timelineSvg } from './timeline-svg.js';

/**
 * The report as one page that needs nothing else: no network, no script. It opens from a file, prints well, and shows what nodes said as
 * text only; its own policy forbids the rest.
 */
export function reportHtml(input: ReportInput): string {
  const title = titleOf(input);
  const { outcome } = input.state.ended ?? { outcome: 'open' };
  const timeline = timelineOf(input.events, input.scenario);
  const picture =
    timeline === undefined ? html`` : html`<section><h2>Timeline (UTC)</h2>${timelineSvg(timeline)}${LEGEND}</section>`;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<header><h1>${title}</h1><p class="outcome ${outcome}">${outcome === 'open' ? 'not ended' : outcome}</p></header>
<dl>${summaryOf(input).map(([label, text]) => html`<dt>${label}</dt><dd>${marked(text)}</dd>`)}</dl>
${picture}
${sectionsOf(input).map(sectionHtml)}
<footer>Record: ${input.events.length} events, chain head <code>${input.head}</code></footer>
</body>
</html>
`;
  return page.text;
}

const sectionHtml = (section: Section): Html => html`<section><h2>${section.title}</h2>${body(section)}</section>
`;

function body(section: Section): Html {
  switch (section.kind) {
    case 'table':
      return html`<table><thead><tr>${section.columns.map((one) => html`<th scope="col">${one}</th>`)}</tr></thead><tbody>${section.rows.map(rowHtml)}</tbody></table>`;
    case 'list':
      return html`<ul>${section.lines.map((line) => html`<li>${marked(line)}</li>`)}</ul>`;
    case 'lines':
      return html`<pre>${section.lines.join('\n')}</pre>`;
  }
}

const rowHtml = ({ cells, bad }: Row): Html =>
  html`<tr${bad === true ? new Html(' class="bad"') : ''}>${cells.map((cell) => html`<td>${marked(cell)}</td>`)}</tr>
`;

/** What stands between backquotes, letter by letter. */
const marked = (text: string): Html =>
  html`${text.split('`').map((part, at, all) => (at % 2 === 1 && at < all.length - 1 ? html`<code>${part}</code>` : html`${part}`))}`;

const LEGEND = html`<p class="legend"><span class="bar done">■</span> done <span class="bar already">■</span> was so already
<span class="bar skipped">■</span> skipped <span class="bar failed">■</span> failed or in doubt <span class="bar open">■</span> not ended
◆ gate shown and answered</p>`;

const STYLE = new Html(`
:root { color-scheme: light; }
body { font: 14px/1.45 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 1100px; margin: 1.5rem auto; padding: 0 1rem; }
header { display: flex; gap: 1rem; align-items: baseline; justify-content: space-between; border-bottom: 2px solid #1a1a1a; }
h1 { font-size: 1.35rem; margin: 0 0 .4rem; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .5rem; }
.outcome { font-weight: bold; text-transform: uppercase; margin: 0; white-space: nowrap; color: #8a5a00; }
.outcome.recovered { color: #17692b; } .outcome.failed { color: #b3261e; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; } dt { color: #555; } dd { margin: 0; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid #ddd; overflow-wrap: anywhere; }
th { color: #555; font-weight: normal; } tr.bad td { color: #b3261e; } td:last-child { min-width: 14rem; }
code, pre { font: 12px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; } pre { white-space: pre-wrap; background: #f5f5f5; padding: .6rem; }
footer { margin: 2rem 0; color: #555; } footer code { overflow-wrap: anywhere; }
.timeline { width: 100%; height: auto; font: 10px ui-sans-serif, sans-serif; }
.timeline .tick { stroke: #e2e2e2; } .timeline .rule { stroke: #eee; } .timeline .time { fill: #777; }
.bar rect { fill: #4c8a5c; } .bar text { fill: #fff; } span.bar { color: #4c8a5c; }
.bar.already rect { fill: #a9c9b1; } .bar.already text { fill: #1a1a1a; } span.bar.already { color: #a9c9b1; }
.bar.skipped rect, .bar.undone rect { fill: #b5b5b5; } span.bar.skipped { color: #b5b5b5; }
.bar.failed rect, .bar.doubt rect { fill: #b3261e; stroke: #1a1a1a; stroke-width: 1.5; } span.bar.failed { color: #b3261e; }
.bar.open rect { fill: #fff; stroke: #4c8a5c; stroke-dasharray: 3 2; } .bar.open text { fill: #1a1a1a; } span.bar.open { color: #fff; -webkit-text-stroke: 1px #4c8a5c; }
.mark path { fill: #8a5a00; } .mark.confirmed path { fill: #1d4f91; } .mark.refused path { fill: #b3261e; }
.mark line { stroke: #8a5a00; stroke-dasharray: 1 3; } .mark.confirmed line { stroke: #1d4f91; } .mark.turn line { stroke: #1a1a1a; stroke-dasharray: 4 3; }
.legend { color: #555; }
@media print { body { margin: 0; max-width: none; font-size: 11px; } h2 { break-after: avoid; } tr, svg { break-inside: avoid; } thead { display: table-header-group; } * { print-color-adjust: exact; } }
`);
