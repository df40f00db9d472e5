// `npm start`: builds what changed, then opens the console. Without arguments: on the practice cluster.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const build = spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
if (build.status !== 0) process.exit(70);
const args = process.argv.slice(2);
const run = spawnSync(`${root}bin/blackstart`, args.length > 0 ? args : ['drill'], { stdio: 'inherit' });
process.exit(run.status ?? (run.signal === 'SIGINT' ? 130 : 143));
