// `npm run test:hosts`: compiles the lab and its stand-in for K3s, then hands over to `main.ts`.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const out = mkdtempSync(join(tmpdir(), 'blackstart-lab-'));
// A Ctrl-C reaches the whole group; this process waits for the lab to be taken down.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);
let status = 70;
try {
  const tsc = spawnSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'test/hosts'), '--outDir', out],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  if (tsc.status === 0) {
    for (const name of ['node_modules', 'package.json']) symlinkSync(join(root, name), join(out, name));
    cpSync(join(root, 'src/practice/data'), join(out, 'src/practice/data'), { recursive: true });
    const main = spawnSync(process.execPath, [join(out, 'test/hosts/main.js'), root, out, ...process.argv.slice(2)], {
      stdio: 'inherit',
    });
    status = main.status ?? 130;
  }
} finally {
  rmSync(out, { recursive: true, force: true });
}
process.exitCode = status;
