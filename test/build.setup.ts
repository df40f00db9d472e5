import { execFileSync } from 'node:child_process';

/** Builds the program once before all tests: some of them run it as its user would. */
export default function setup(): void {
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
}
