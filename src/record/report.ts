import { type ReportInput, type Row, type Section, sectionsOf, summaryOf, titleOf } from './sections.js';

/** What was done, when, how long it took and what was lost, as Markdown. */
export function reportMarkdown(input: ReportInput): string {
  return [
    `# ${titleOf(input)}`,
    '',
    ...summaryOf(input).map(([label, text]) => `- ${label}: ${text}`),
    '',
    ...sectionsOf(input).flatMap(markdown),
    `Record: ${input.events.length} events, chain head \`${input.head}\`.`,
    '',
  ].join('\n');
}

function markdown(section: Section): string[] {
  return [`## ${section.title}`, '', ...body(section), ''];
}

function body(section: Section): string[] {
  switch (section.kind) {
    case 'table':
      return table(section.columns, section.rows);
    case 'list':
      return section.lines.map((line) => `- ${line}`);
    case 'lines':
      return ['```', ...section.lines.map((line) => line.replaceAll('```', '``ˋ')), '```'];
  }
}

function table(columns: readonly string[], rows: readonly Row[]): string[] {
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rows.map(({ cells }) => line(cells))];
}
