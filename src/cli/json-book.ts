import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';

/**
 * A small list kept in one file of the state directory, newest first. What cannot be read or written only means that nothing is
 * remembered: remembering is a help for later, never a reason to fail now.
 */
export class JsonBook<Entry> {
  constructor(
    private readonly file: string,
    private readonly entry: z.ZodType<Entry>,
    /** Older entries fall out. */
    private readonly most: number,
  ) {}

  all(): Entry[] {
    try {
      const list = z.array(z.unknown()).parse(JSON.parse(readFileSync(this.file, 'utf8')));
      // One entry that a newer or a broken program wrote must not cost the others.
      return list.flatMap((one) => this.entry.safeParse(one).data ?? []);
    } catch {
      return [];
    }
  }

  /** Puts an entry first, in place of those it replaces. Returns whether it was written. */
  add(entry: Entry, replaces: (other: Entry) => boolean = () => false): boolean {
    const others = this.all().filter((other) => !replaces(other));
    try {
      mkdirSync(dirname(this.file), { recursive: true, mode: 0o700 });
      writeFileSync(`${this.file}.new`, JSON.stringify([entry, ...others].slice(0, this.most)), { mode: 0o600 });
      renameSync(`${this.file}.new`, this.file);
      return true;
    } catch {
      return false;
    }
  }
}
