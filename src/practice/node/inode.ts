/** A file's content is kept as chunks that are never written into again: copies of a node share them. */
export interface FileInode {
  readonly kind: 'file';
  mode: number;
  owner: string;
  mtime: number;
  chunks: Uint8Array[];
  /** Length in bytes; may exceed the chunks (preallocated, reads as zeros). */
  size: number;
}

export interface DirInode {
  readonly kind: 'dir';
  mode: number;
  owner: string;
  mtime: number;
  readonly entries: Map<string, Inode>;
}

export interface LinkInode {
  readonly kind: 'link';
  mode: number;
  owner: string;
  mtime: number;
  readonly target: string;
}

export type Inode = FileInode | DirInode | LinkInode;

/** The disk of a node: one tree, one capacity. */
export interface Disk {
  readonly root: DirInode;
  /** Bytes the file system holds. */
  total: number;
  /** Bytes taken: files as allocated, plus what the system itself takes. */
  used: number;
  /** Directories that are mount points of their own besides `/`. */
  readonly mounts: string[];
}

/** A new directory. */
export function directory(mode: number, mtime: number, owner = 'root'): DirInode {
  return { kind: 'dir', mode, owner, mtime, entries: new Map() };
}

/** All bytes of a file in one array; the preallocated rest reads as zeros. */
export function contentOf(file: FileInode): Uint8Array {
  const only = file.chunks[0];
  if (file.chunks.length === 1 && only !== undefined && only.length === file.size) return only;
  const all = new Uint8Array(file.size);
  let at = 0;
  for (const chunk of file.chunks) {
    all.set(chunk.subarray(0, Math.max(0, file.size - at)), at);
    at += chunk.length;
  }
  if (at === file.size) file.chunks = [all];
  return all;
}

/** Bytes held by a tree, files as allocated. */
export function bytesOf(inode: Inode): number {
  if (inode.kind === 'file') return inode.size;
  if (inode.kind === 'link') return 0;
  let sum = 4096;
  for (const child of inode.entries.values()) sum += bytesOf(child);
  return sum;
}

/** A copy of a tree that shares the files' immutable chunks. */
export function cloneInode(inode: Inode, now?: number): Inode {
  const mtime = now ?? inode.mtime;
  if (inode.kind === 'file') return { ...inode, mtime, chunks: [...inode.chunks] };
  if (inode.kind === 'link') return { ...inode, mtime };
  const entries = new Map<string, Inode>();
  for (const [name, child] of inode.entries) entries.set(name, cloneInode(child, now));
  return { ...inode, mtime, entries };
}
