import { appendFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

/** How much of a failure is said again at the end: the whole of it stands further up. */
const MESSAGE_CHARS = 600;

/**
 * Says at the end what was skipped and why, says again what failed, and closes with one line that a person and a machine can read.
 * With `BLACKSTART_COUNTS` it also leaves the counts in that file, for `.ci/run` to add up, and the failures beside it.
 */
export default class Summary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    const skipped: string[] = [];
    const failed: string[] = [];
    for (const module of modules) {
      if (module.state() === 'failed' && [...module.children.allTests()].length === 0) {
        counts.failed += 1;
        failed.push(...module.errors().map((error) => `${module.relativeModuleId}: ${short(error.message)}`));
      }
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed') counts.passed += 1;
        else if (result.state === 'failed') {
          counts.failed += 1;
          const why = result.errors.map((error) => short(error.message)).join('\n    ');
          failed.push(`${module.relativeModuleId} > ${test.fullName}\n    ${why}`);
        } else {
          counts.skipped += 1;
          const note = result.state === 'skipped' ? result.note : undefined;
          skipped.push(`  ${module.relativeModuleId} > ${test.fullName}${note === undefined ? '' : `: ${note}`}`);
        }
      }
    }
    if (skipped.length > 0) process.stdout.write(`\nSkipped:\n${skipped.join('\n')}\n`);
    if (failed.length > 0) process.stdout.write(`\nFailed:\n${failed.map((one) => `  ${one}\n`).join('')}`);
    const file = process.env.BLACKSTART_COUNTS;
    if (file !== undefined) {
      appendFileSync(file, `${counts.passed} ${counts.failed} ${counts.skipped}\n`);
      if (failed.length > 0) appendFileSync(`${file}.failed`, failed.map((one) => `  ${one}\n`).join(''));
    }
    process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
  }
}

const short = (message: string): string =>
  message.length <= MESSAGE_CHARS ? message : `${message.slice(0, MESSAGE_CHARS)} [...]`;
