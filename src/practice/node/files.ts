import { bytesOf, cloneInode, contentOf, type DirInode, type Disk, directory, type Inode } from './inode.js';

const TEXT = {
  ENOENT: 'No such file or directory',
  EEXIST: 'File exists',
  ENOTDIR: 'Not a directory',
  EISDIR: 'Is a directory',
  ENOTEMPTY: 'Directory not empty',
  EACCES: 'Permission denied',
  ENOSPC: 'No space left on device',
  ELOOP: 'Too many levels of symbolic links',
  EBUSY: 'Device or resource busy',
  EINVAL: 'Invalid argument',
} as const;

/** An error number of the file system, with the words GNU programs print for it. */
export class FilesError extends Error {
  constructor(
    readonly code: keyof typeof TEXT,
    readonly path: string,
  ) {
    super(`${code}: ${TEXT[code].toLowerCase()}, '${path}'`);
  }

  /** `No such file or directory` and its like. */
  get reason(): string {
    return TEXT[this.code];
  }
}

/** An absolute path without `.`, `..` and doubled slashes. */
export function resolvePath(base: string, path: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${base}/${path}`).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

export const dirname = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';
export const basename = (path: string): string => path.slice(path.lastIndexOf('/') + 1) || '/';

/**
 * The file system of a node as one user sees it: modes, owners, mtimes, symbolic links and a capacity that runs
 * out. Every method is synchronous and takes absolute paths; errors are {@link FilesError}.
 */
export class Files {
  constructor(
    readonly disk: Disk,
    private readonly now: () => number,
    readonly user = 'root',
  ) {}

  /** The same disk as another user. */
  as(user: string): Files {
    return new Files(this.disk, this.now, user);
  }

  #may(inode: Inode, bit: 4 | 2 | 1): boolean {
    if (this.user === 'root') return true;
    return ((inode.owner === this.user ? inode.mode >> 6 : inode.mode) & bit) !== 0;
  }

  #walk(path: string, follow: boolean, depth = 0): Inode | undefined {
    if (depth > 20) throw new FilesError('ELOOP', path);
    let here: Inode = this.disk.root;
    const parts = path.split('/').filter(Boolean);
    for (const [index, part] of parts.entries()) {
      if (here.kind !== 'dir') throw new FilesError('ENOTDIR', path);
      if (!this.#may(here, 1)) throw new FilesError('EACCES', path);
      const next: Inode | undefined = here.entries.get(part);
      if (next === undefined) return undefined;
      if (next.kind === 'link' && (follow || index < parts.length - 1)) {
        const target = resolvePath(`/${parts.slice(0, index).join('/')}`, next.target);
        return this.#walk(resolvePath(target, parts.slice(index + 1).join('/')), follow, depth + 1);
      }
      here = next;
    }
    return here;
  }

  #get(path: string, follow = true): Inode {
    const found = this.#walk(path, follow);
    if (found === undefined) throw new FilesError('ENOENT', path);
    return found;
  }

  #parent(path: string): DirInode {
    const parent = this.#get(dirname(path));
    if (parent.kind !== 'dir') throw new FilesError('ENOTDIR', path);
    if (!this.#may(parent, 2)) throw new FilesError('EACCES', path);
    return parent;
  }

  #take(bytes: number, path: string): void {
    if (bytes > 0 && this.disk.used + bytes > this.disk.total) throw new FilesError('ENOSPC', path);
    this.disk.used += bytes;
  }

  /** The inode behind a path, links followed; undefined when there is none. */
  find(path: string, follow = true): Inode | undefined {
    return this.#walk(path, follow);
  }

  stat(path: string): Inode {
    return this.#get(path);
  }

  lstat(path: string): Inode {
    return this.#get(path, false);
  }

  exists(path: string): boolean {
    try {
      return this.#walk(path, true) !== undefined;
    } catch {
      return false;
    }
  }

  isDirectory(path: string): boolean {
    return this.exists(path) && this.#get(path).kind === 'dir';
  }

  read(path: string): Uint8Array {
    const inode = this.#get(path);
    if (inode.kind !== 'file') throw new FilesError('EISDIR', path);
    if (!this.#may(inode, 4)) throw new FilesError('EACCES', path);
    return contentOf(inode);
  }

  /** The first bytes of a file, without building the rest of a preallocated one. */
  head(path: string, count: number): Uint8Array {
    const inode = this.#get(path);
    if (inode.kind !== 'file') throw new FilesError('EISDIR', path);
    if (!this.#may(inode, 4)) throw new FilesError('EACCES', path);
    return (inode.chunks[0] ?? new Uint8Array(0)).subarray(0, count);
  }

  text(path: string): string {
    return Buffer.from(this.read(path)).toString('utf8');
  }

  list(path: string): string[] {
    const inode = this.#get(path);
    if (inode.kind !== 'dir') throw new FilesError('ENOTDIR', path);
    if (!this.#may(inode, 4)) throw new FilesError('EACCES', path);
    return [...inode.entries.keys()].sort();
  }

  /** Replaces a file's content; makes it with `mode` when missing. `size` larger than the bytes preallocates. */
  write(path: string, content: Uint8Array | string, mode = 0o644, size?: number): void {
    const bytes = typeof content === 'string' ? new Uint8Array(Buffer.from(content)) : content;
    const length = size ?? bytes.length;
    const found = this.#walk(path, true);
    if (found !== undefined) {
      if (found.kind !== 'file') throw new FilesError('EISDIR', path);
      if (!this.#may(found, 2)) throw new FilesError('EACCES', path);
      this.#take(length - found.size, path);
      found.chunks = [bytes];
      found.size = length;
      found.mtime = this.now();
      return;
    }
    const parent = this.#parent(path);
    this.#take(length, path);
    const mtime = this.now();
    parent.entries.set(basename(path), { kind: 'file', mode, owner: this.user, mtime, chunks: [bytes], size: length });
    parent.mtime = mtime;
  }

  /** Puts bytes at the end of a file. */
  append(path: string, bytes: Uint8Array): void {
    if (!this.exists(path)) {
      this.write(path, bytes);
      return;
    }
    const file = this.#get(path);
    if (file.kind !== 'file') throw new FilesError('EISDIR', path);
    if (!this.#may(file, 2)) throw new FilesError('EACCES', path);
    this.#take(bytes.length, path);
    const held = file.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (held !== file.size) file.chunks = [contentOf(file)];
    file.chunks.push(bytes);
    file.size += bytes.length;
    file.mtime = this.now();
  }

  /** Cuts or lengthens a file, as `dd seek=` does before it writes. */
  truncate(path: string, size: number): void {
    const file = this.#get(path);
    if (file.kind !== 'file') throw new FilesError('EISDIR', path);
    if (size === file.size) return;
    this.#take(size - file.size, path);
    const kept = contentOf(file);
    const bytes = new Uint8Array(size);
    bytes.set(kept.subarray(0, size));
    file.chunks = [bytes];
    file.size = size;
    file.mtime = this.now();
  }

  mkdir(path: string, options: { parents?: boolean; mode?: number } = {}): void {
    const found = this.#walk(path, true);
    if (found !== undefined) {
      if (options.parents && found.kind === 'dir') return;
      throw new FilesError('EEXIST', path);
    }
    if (options.parents && !this.exists(dirname(path))) this.mkdir(dirname(path), { parents: true });
    const parent = this.#parent(path);
    this.#take(4096, path);
    parent.entries.set(basename(path), directory(options.mode ?? 0o755, this.now(), this.user));
    parent.mtime = this.now();
  }

  symlink(target: string, path: string): void {
    const parent = this.#parent(path);
    if (parent.entries.has(basename(path))) throw new FilesError('EEXIST', path);
    parent.entries.set(basename(path), { kind: 'link', mode: 0o777, owner: this.user, mtime: this.now(), target });
  }

  /** rename(2): replaces a file, refuses a full directory or a mount point. */
  rename(from: string, to: string): void {
    const inode = this.#get(from, false);
    if (this.disk.mounts.includes(from) || this.disk.mounts.includes(to)) throw new FilesError('EBUSY', from);
    if (`${to}/`.startsWith(`${from}/`) && to !== from) throw new FilesError('EINVAL', to);
    const target = this.#walk(to, false);
    if (target !== undefined && target !== inode) {
      if (target.kind === 'dir' && inode.kind !== 'dir') throw new FilesError('EISDIR', to);
      if (target.kind !== 'dir' && inode.kind === 'dir') throw new FilesError('ENOTDIR', to);
      if (target.kind === 'dir' && target.entries.size > 0) throw new FilesError('ENOTEMPTY', to);
      this.disk.used -= bytesOf(target);
    }
    const source = this.#parent(from);
    const parent = this.#parent(to);
    source.entries.delete(basename(from));
    parent.entries.set(basename(to), inode);
    source.mtime = this.now();
    parent.mtime = this.now();
  }

  remove(path: string, options: { recursive?: boolean } = {}): void {
    const inode = this.#get(path, false);
    if (inode.kind === 'dir' && !options.recursive && inode.entries.size > 0) throw new FilesError('ENOTEMPTY', path);
    if (this.disk.mounts.includes(path)) throw new FilesError('EBUSY', path);
    const parent = this.#parent(path);
    parent.entries.delete(basename(path));
    parent.mtime = this.now();
    this.disk.used -= bytesOf(inode);
  }

  /** Copies a tree; `keep` preserves owner and time as `cp -a` does. */
  copy(from: string, to: string, keep = true): void {
    const inode = this.#get(from, false);
    this.#allReadable(inode, from);
    this.#take(bytesOf(inode), to);
    const parent = this.#parent(to);
    const copy = cloneInode(inode, keep ? undefined : this.now());
    if (!keep) copy.owner = this.user;
    parent.entries.set(basename(to), copy);
    parent.mtime = this.now();
  }

  #allReadable(inode: Inode, path: string): void {
    if (!this.#may(inode, 4)) throw new FilesError('EACCES', path);
    if (inode.kind === 'dir') for (const [name, child] of inode.entries) this.#allReadable(child, `${path}/${name}`);
  }

  chmod(path: string, mode: number): void {
    const inode = this.#get(path);
    if (this.user !== 'root' && inode.owner !== this.user) throw new FilesError('EACCES', path);
    inode.mode = mode;
  }

  chown(path: string, owner: string): void {
    if (this.user !== 'root') throw new FilesError('EACCES', path);
    this.#get(path).owner = owner;
  }

  touch(path: string, mtime = this.now()): void {
    if (!this.exists(path)) this.write(path, '');
    this.#get(path).mtime = mtime;
  }

  readlink(path: string): string {
    const inode = this.#get(path, false);
    if (inode.kind !== 'link') throw new FilesError('EINVAL', path);
    return inode.target;
  }

  /** The path with all links followed; the last part may be missing. */
  realpath(path: string, depth = 0): string {
    if (depth > 20) throw new FilesError('ELOOP', path);
    let here = '';
    const parts = path.split('/').filter(Boolean);
    for (const [index, part] of parts.entries()) {
      const next = `${here}/${part}`;
      const inode = this.#walk(next, false);
      if (inode?.kind === 'link') {
        const rest = parts.slice(index + 1).join('/');
        return this.realpath(resolvePath(resolvePath(here, inode.target), rest), depth + 1);
      }
      here = next;
    }
    return here || '/';
  }
}
