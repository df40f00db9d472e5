import { type Document, isAlias, isMap, isScalar, LineCounter, parseDocument, visit, type YAMLError } from 'yaml';
import type { z } from 'zod';
import { EXIT, type Problem, ProblemError } from '../base/problem.js';
import { closest } from './closest.js';
import { EXAMPLES, FIELDS } from './schema.js';

/** Something wrong in the file: where by path of fields (or by offset), what, and an example of right. */
export interface Mistake {
  readonly path?: readonly PropertyKey[];
  /** Points at the field's name instead of its value. */
  readonly key?: string;
  readonly offset?: number;
  readonly what: string;
  readonly next: string;
  /** Path of the field that a mistyped one was meant to be. */
  readonly meant?: string;
  /** Path of the field that is not there. */
  readonly missing?: string;
}

/** One or more mistakes in `cluster.yaml`; `problem` sums them up, `problems` has each with its place. */
export class InventoryError extends ProblemError {
  constructor(
    readonly file: string,
    readonly problems: readonly Problem[],
  ) {
    super(summary(file, problems), EXIT.usage);
  }
}

function summary(file: string, problems: readonly Problem[]): Problem {
  const [first] = problems;
  if (first !== undefined && problems.length === 1) return first;
  const lines = problems.map(
    (one) => `\n  ${one.where ?? file}: ${one.what}\n    ${one.next.replaceAll('\n', '\n    ')}`,
  );
  return {
    id: 'inventory-invalid',
    what: `The inventory has ${problems.length} mistakes.${lines.join('')}`,
    where: first?.where ?? file,
    next: 'Correct these lines and start again.',
  };
}

/** The YAML text with the means to find any field's line and column. */
export class Source {
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed;

  constructor(
    readonly file: string,
    text: string,
  ) {
    // Pretty errors would quote the line, and with it perhaps a secret that should not be there.
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, logLevel: 'silent' });
  }

  /** What the YAML parser refuses. */
  syntax(): Mistake[] {
    const mistakes = this.#document.errors.map(syntaxMistake);
    visit(this.#document, {
      Alias: (_, node) => {
        if (node.resolve(this.#document) !== undefined) return;
        mistakes.push({ offset: node.range?.[0] ?? 0, ...ALIAS });
      },
    });
    // One slip makes the parser stumble several times on the same line.
    const seen = new Set<number>();
    return mistakes.filter((mistake) => {
      const { line } = this.#lines.linePos(mistake.offset ?? 0);
      return seen.has(line) ? false : seen.add(line);
    });
  }

  /** The plain value; only after {@link syntax} found nothing. */
  value(): unknown {
    return this.#document.toJS();
  }

  problem(mistake: Mistake): Problem {
    const { line, col } = this.#lines.linePos(mistake.offset ?? this.#offset(mistake.path ?? [], mistake.key));
    const where = `${this.file}:${Math.max(1, line)}:${Math.max(1, col)}`;
    return { id: 'inventory-invalid', what: mistake.what, where, next: mistake.next };
  }

  /** Offset of a field, or of the nearest parent that is there. */
  #offset(path: readonly PropertyKey[], key?: string): number {
    for (let length = path.length; length >= 0; length--) {
      const node = length === 0 ? this.#document.contents : this.#document.getIn(path.slice(0, length), true);
      if (key !== undefined && length === path.length && isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key);
        const range = isScalar(pair?.key) ? pair.key.range : undefined;
        if (range) return range[0];
      }
      if (hasRange(node)) return node.range[0];
    }
    return 0;
  }
}

function hasRange(node: unknown): node is { range: [number, number, number] } {
  return typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range) && !isAlias(node);
}

const ALIAS = {
  what: 'A value that begins with * is a reference to an anchor, and there is none of that name.',
  next: 'Put the value in quotes: address: "*"',
};

const SYNTAX: Readonly<Record<string, readonly [what: string, next: string]>> = {
  BLOCK_AS_IMPLICIT_KEY: [
    'A value here contains ": ".',
    'Put it in quotes: passphrase: "command:pass show k3s: backup"',
  ],
  TAB_AS_INDENT: ['This line is indented with a tab.', 'Indent with spaces.'],
  BAD_SCALAR_START: ['A value begins with a character that YAML keeps for itself.', 'Put the value in quotes.'],
  MISSING_CHAR: ['A closing quote or bracket, or a space after a colon or comma, is missing.', 'user: "ops"'],
  BAD_INDENT: [
    'This is indented differently from what it belongs to.',
    'servers:\n  - name: cp1\n    address: 192.0.2.11',
  ],
  DUPLICATE_KEY: ['This field is there twice.', 'Keep one of them.'],
  BAD_DQ_ESCAPE: ['A backslash in double quotes begins an escape that YAML does not know.', 'Use single quotes.'],
  MULTIPLE_DOCS: ['The file holds more than one YAML document.', 'Remove the line "---" and what belongs elsewhere.'],
};

function syntaxMistake(error: YAMLError): Mistake {
  const [what, next] = SYNTAX[error.code] ?? [
    `This is not YAML (${error.code.toLowerCase().replaceAll('_', ' ')}).`,
    'Compare with cluster.example.yaml: fields are "name: value", lists begin with "- ".',
  ];
  return { offset: error.pos[0], what, next };
}

/** The schema's complaints as mistakes a person can act on. */
export function schemaMistakes(issues: readonly z.core.$ZodIssue[], raw: unknown): Mistake[] {
  const mistakes = issues.flatMap((issue) => schemaMistake(issue, raw));
  // A mistyped field is one mistake, not "unknown" and "missing".
  const meant = new Set(mistakes.map((mistake) => mistake.meant));
  return mistakes.filter((mistake) => mistake.missing === undefined || !meant.has(mistake.missing));
}

function schemaMistake(issue: z.core.$ZodIssue, raw: unknown, parent: readonly PropertyKey[] = []): Mistake[] {
  const path = [...parent, ...issue.path];
  const field = lastName(path);
  if (issue.code === 'unrecognized_keys') {
    const known = FIELDS[field] ?? [];
    return issue.keys.map((key) => {
      const near = closest(key, known);
      const hint = near === undefined ? '' : ` Did you mean "${near}"?`;
      const next = near === undefined ? `Known here: ${known.join(', ')}.` : (EXAMPLES[near] ?? near);
      return {
        path,
        key,
        what: `"${key}" is not a field${field === '' ? '' : ` of ${field}`}.${hint}`,
        next,
        ...(near === undefined ? {} : { meant: [...path, near].join('.') }),
      };
    });
  }
  if (issue.code === 'invalid_union') {
    // When one branch took the shape (an object, a list) and only its inside is wrong, say what is wrong inside.
    const inside = issue.errors.find(
      (branch) => branch.length > 0 && branch.every((one) => one.path.length > 0 || one.code === 'unrecognized_keys'),
    );
    if (inside !== undefined) return inside.flatMap((one) => schemaMistake(one, raw, path));
  }
  const next = EXAMPLES[field] ?? 'See cluster.example.yaml.';
  if (at(raw, path) === undefined) {
    return [{ path, what: `"${field}" is missing.`, next, missing: path.join('.') }];
  }
  return [{ path, what: sentence(field, issue.message), next }];
}

function sentence(field: string, what: string): string {
  const text = /^[a-z]/.test(what) ? `${field === '' ? 'The inventory' : field}: ${what}` : what;
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** The raw value at a path; `undefined` when the field is not there. */
function at(raw: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, part) => (typeof value === 'object' && value !== null ? Reflect.get(value, part) : undefined),
    raw,
  );
}

function lastName(path: readonly PropertyKey[]): string {
  return String(path.findLast((part) => typeof part === 'string') ?? '');
}
