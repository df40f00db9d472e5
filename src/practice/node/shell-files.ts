import type { FileContent, FsStat, IFileSystem } from 'just-bash';
import { type Files, resolvePath } from './files.js';
import type { Inode } from './inode.js';

function statOf(inode: Inode): FsStat {
  return {
    isFile: inode.kind === 'file',
    isDirectory: inode.kind === 'dir',
    isSymbolicLink: inode.kind === 'link',
    mode: inode.mode,
    size: inode.kind === 'file' ? inode.size : 4096,
    mtime: new Date(inode.mtime),
  };
}

/** Where the library looks for {@link CALL}; no node has such a file. */
const CALL_FILE: FsStat = {
  isFile: true,
  isDirectory: false,
  isSymbolicLink: false,
  mode: 0o755,
  size: 0,
  mtime: new Date(0),
};
const isCall = (path: string): boolean => path.endsWith(`/bin/${CALL}`);

type Encoding = Parameters<IFileSystem['writeFile']>[2];

/** What came in as bytes (standard input, say) is handed around as a string of them; the library says so when it writes that to a file. */
function bytes(content: FileContent, how: Encoding): Uint8Array {
  if (typeof content !== 'string') return content.slice();
  const encoding = typeof how === 'string' ? how : (how?.encoding ?? 'utf8');
  return new Uint8Array(Buffer.from(content, encoding as BufferEncoding));
}

/** The word by which a shell calls one of the node's programs. */
export const CALL = '__practice_program';

/**
 * A program's file as the shell library is to read it: it runs a file's text, so a program of ours is a line that
 * calls it by name.
 */
function programText(path: string, programs: ReadonlySet<string>): string | undefined {
  const match = /^\/(?:usr\/local\/|usr\/)?s?bin\/([^/]+)$/.exec(path);
  return match?.[1] !== undefined && programs.has(match[1]) ? `/usr/bin/${CALL} ${match[1]} "$@"\n` : undefined;
}

/** The node's file system as just-bash wants it. `files` is asked each time: a fork swaps the disk below a running shell. */
export class ShellFiles implements IFileSystem {
  constructor(
    private readonly files: () => Files,
    private readonly programs: ReadonlySet<string>,
  ) {}

  async readFile(path: string): Promise<string> {
    return programText(path, this.programs) ?? this.files().text(path);
  }
  async readFileBuffer(path: string): Promise<Uint8Array> {
    const text = programText(path, this.programs);
    return text === undefined ? this.files().read(path) : new Uint8Array(Buffer.from(text));
  }
  async writeFile(path: string, content: FileContent, how?: Encoding): Promise<void> {
    this.files().write(path, bytes(content, how));
  }
  async appendFile(path: string, content: FileContent, how?: Encoding): Promise<void> {
    this.files().append(path, bytes(content, how));
  }
  async exists(path: string): Promise<boolean> {
    return isCall(path) || this.files().exists(path);
  }
  async stat(path: string): Promise<FsStat> {
    return isCall(path) ? CALL_FILE : statOf(this.files().stat(path));
  }
  async lstat(path: string): Promise<FsStat> {
    return isCall(path) ? CALL_FILE : statOf(this.files().lstat(path));
  }
  async mkdir(path: string, options?: { recursive?: boolean }): Promise<void> {
    this.files().mkdir(path, { parents: options?.recursive ?? false });
  }
  async readdir(path: string): Promise<string[]> {
    return this.files().list(path);
  }
  async rm(path: string, options?: { recursive?: boolean; force?: boolean }): Promise<void> {
    if (options?.force && this.files().find(path, false) === undefined) return;
    this.files().remove(path, { recursive: options?.recursive ?? false });
  }
  async cp(from: string, to: string): Promise<void> {
    this.files().copy(from, to, false);
  }
  async mv(from: string, to: string): Promise<void> {
    this.files().rename(from, to);
  }
  resolvePath(base: string, path: string): string {
    return resolvePath(base, path);
  }
  getAllPaths(): string[] {
    const paths: string[] = [];
    const walk = (path: string, inode: Inode): void => {
      paths.push(path || '/');
      if (inode.kind === 'dir') for (const [name, child] of inode.entries) walk(`${path}/${name}`, child);
    };
    walk('', this.files().disk.root);
    return paths;
  }
  async chmod(path: string, mode: number): Promise<void> {
    this.files().chmod(path, mode);
  }
  async symlink(target: string, path: string): Promise<void> {
    this.files().symlink(target, path);
  }
  async link(from: string, to: string): Promise<void> {
    this.files().copy(from, to);
  }
  async readlink(path: string): Promise<string> {
    return this.files().readlink(path);
  }
  async realpath(path: string): Promise<string> {
    if (isCall(path)) return path;
    const real = this.files().realpath(path);
    this.files().stat(real);
    return real;
  }
  async utimes(path: string, _atime: Date, mtime: Date): Promise<void> {
    this.files().touch(path, mtime.getTime());
  }
}
