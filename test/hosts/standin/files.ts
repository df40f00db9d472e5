import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import type { ModelFiles } from '../../../src/practice/k3s/ports.js';

/** The model's files on a real disk. */
export class RealFiles implements ModelFiles {
  exists(path: string): boolean {
    return existsSync(path);
  }
  isDirectory(path: string): boolean {
    return existsSync(path) && statSync(path).isDirectory();
  }
  read(path: string): Uint8Array {
    return new Uint8Array(readFileSync(path));
  }
  text(path: string): string {
    return readFileSync(path, 'utf8');
  }
  write(path: string, content: Uint8Array | string, mode?: number, size?: number): void {
    mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true });
    writeFileSync(path, content);
    if (size !== undefined) truncateSync(path, size);
    if (mode !== undefined) chmodSync(path, mode);
  }
  list(path: string): string[] {
    return readdirSync(path).sort();
  }
  mkdir(path: string, options: { parents?: boolean; mode?: number } = {}): void {
    mkdirSync(path, {
      recursive: options.parents ?? false,
      ...(options.mode === undefined ? {} : { mode: options.mode }),
    });
  }
  rename(from: string, to: string): void {
    renameSync(from, to);
  }
  remove(path: string, options: { recursive?: boolean } = {}): void {
    rmSync(path, { recursive: options.recursive ?? false });
  }
  copy(from: string, to: string): void {
    cpSync(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  }
  symlink(target: string, path: string): void {
    symlinkSync(target, path);
  }
  stat(path: string): { kind: 'file' | 'dir'; size: number; mtime: number } {
    const found = statSync(path);
    return { kind: found.isDirectory() ? 'dir' : 'file', size: found.size, mtime: found.mtimeMs };
  }
}
