import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** The arrows between the rooms (ARCHITECTURE.md) are held by the linter; here it is shown that it holds them. */

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BIOME = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome');

const ROOMS: Readonly<Record<string, readonly string[]>> = {
  'src/base': [],
  'src/incident': [],
  'src/inventory': ['src/base'],
  'src/k3s': ['src/base'],
  'src/lookup': ['src/base'],
  'src/snapshot': ['src/base', 'src/k3s'],
  'src/backups': ['src/base', 'src/snapshot', 'src/remote'],
  'src/remote': ['src/base', 'src/inventory'],
  'src/cluster': ['src/base', 'src/incident', 'src/k3s', 'src/remote', 'src/snapshot'],
  'src/journal': ['src/base', 'src/incident', 'src/k3s', 'src/remote'],
  'src/papers': ['src/base', 'src/incident', 'src/k3s', 'src/remote'],
  'src/runner': ['src/base', 'src/incident'],
  'src/record': ['src/base', 'src/incident'],
  'src/store': ['src/incident'],
  'src/practice': ['src/base'],
  components: ['src/base', 'src/incident', 'src/store'],
  scenarios: ['src/incident', 'src/k3s', 'src/lookup'],
};
const ALL = [...Object.keys(ROOMS), 'src/cli'];

let copy: string;
beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'blackstart-arrows-'));
  for (const name of ['biome.json', '.gitignore']) copyFileSync(join(ROOT, name), join(copy, name));
  mkdirSync(join(copy, 'node_modules/@biomejs/biome'), { recursive: true });
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

function plant(path: string, text: string): void {
  mkdirSync(dirname(join(copy, path)), { recursive: true });
  writeFileSync(join(copy, path), text);
}

interface Diagnostic {
  readonly category: string;
  readonly location: { readonly path: string | { readonly file: string } };
}

/** Files with a complaint of one of the two rules about imports. */
function refused(directory: string): { rule: string; file: string }[] {
  const said = spawnSync(
    process.execPath,
    [
      BIOME,
      'lint',
      '--reporter=json',
      '--max-diagnostics=none',
      '--only=style/noRestrictedImports',
      '--only=suspicious/noImportCycles',
      'src',
      'components',
      'scenarios',
    ],
    { cwd: directory, encoding: 'utf8', maxBuffer: 64e6 },
  );
  const { diagnostics } = JSON.parse(said.stdout) as { diagnostics: Diagnostic[] };
  return diagnostics.map(({ category, location }) => ({
    rule: category.split('/').at(-1) ?? '',
    file: typeof location.path === 'string' ? location.path : location.path.file,
  }));
}

const importing = (from: string, to: string): string => {
  const path = relative(dirname(from), `${to}/there.js`);
  return `import { there } from '${path.startsWith('.') ? path : `./${path}`}';\n\nexport const here = there;\n`;
};

describe('the arrows', () => {
  test('are kept by the tree as it is', () => {
    expect(refused(ROOT)).toEqual([]);
  });

  test('an import against them is refused, from every room to every other; one along them is not', () => {
    const forbidden: string[] = [];
    for (const [room, may] of Object.entries(ROOMS)) {
      for (const other of ALL.filter((one) => one !== room)) {
        // Practice has folders of its own, one of them named like a room.
        for (const folder of room === 'src/practice' ? [room, `${room}/k3s`] : [room]) {
          const file = `${folder}/to-${other.replace('/', '-')}.ts`;
          plant(file, importing(file, other));
          if (!may.includes(other)) forbidden.push(file);
        }
      }
    }
    plant('src/practice/node/own.ts', importing('src/practice/node/own.ts', 'src/practice/k3s'));
    plant('src/cli/all.ts', importing('src/cli/all.ts', 'src/practice'));
    const found = refused(copy).filter((one) => one.rule === 'noRestrictedImports');
    expect([...new Set(found.map((one) => one.file))].sort()).toEqual(forbidden.sort());
  });

  test('a circle of imports is refused', () => {
    plant('src/base/one.ts', "import { two } from './two.js';\n\nexport const one = (): number => two() + 1;\n");
    plant('src/base/two.ts', "import { one } from './one.js';\n\nexport const two = (): number => one() - 1;\n");
    const found = refused(copy).filter((one) => one.rule === 'noImportCycles');
    expect([...new Set(found.map((one) => one.file))].sort()).toEqual(['src/base/one.ts', 'src/base/two.ts']);
  });
});
