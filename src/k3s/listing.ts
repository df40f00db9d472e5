/** Reading listings of a server's database directory, sockets and processes. */

export interface Entry {
  readonly name: string;
  /** `d`, `f`, `l` … as `find -printf %y` says. */
  readonly type: string;
  /** Bytes of a file; of a directory what the file system says. */
  readonly size: number;
  /** Seconds since the epoch. */
  readonly modified: number;
}

/** `find -printf '%f\t%y\t%s\t%T@\n'`. */
export function parseEntries(text: string): Entry[] {
  const entries: Entry[] = [];
  for (const line of text.split('\n')) {
    const [name, type, size, modified] = line.split('\t');
    if (name === undefined || type === undefined || size === undefined || modified === undefined) continue;
    entries.push({ name, type, size: Number(size), modified: Math.floor(Number(modified)) });
  }
  return entries;
}

/** `du -b -d 1 PATH`: bytes by path. */
export function parseSizes(text: string): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = /^(\d+)\t(.*)$/.exec(line);
    if (match?.[2] !== undefined) sizes.set(match[2], Number(match[1]));
  }
  return sizes;
}

export interface AsideData {
  readonly name: string;
  /** Seconds since the epoch, from the name where it carries one. */
  readonly time: number;
}

/** Every database moved aside by K3s or by us, oldest first: the original of an incident is the oldest (R15). */
export function asideData(entries: readonly Entry[]): AsideData[] {
  return entries
    .filter((entry) => entry.type === 'd' && /^etcd(-old-|-backup-|\.pre-rejoin-|\.failed-)/.test(entry.name))
    .map((entry) => ({ name: entry.name, time: Number(/(\d{9,})$/.exec(entry.name)?.[1] ?? entry.modified) }))
    .sort((a, b) => a.time - b.time);
}

export interface Listener {
  readonly address: string;
  readonly port: number;
  readonly process: string;
  readonly pid: number;
}

/** `ss -H -ltnp` (a-healthy/node-1.ss-ltnp). Without root the process is missing: pid 0. */
export function parseListeners(text: string): Listener[] {
  const listeners: Listener[] = [];
  for (const line of text.split('\n')) {
    const columns = line.trim().split(/\s+/);
    const local = columns[3];
    if (columns[0] !== 'LISTEN' || local === undefined) continue;
    const colon = local.lastIndexOf(':');
    const user = /\("([^"]*)",pid=(\d+)/.exec(line);
    listeners.push({
      address: local.slice(0, colon),
      port: Number(local.slice(colon + 1)),
      process: user?.[1] ?? '',
      pid: Number(user?.[2] ?? 0),
    });
  }
  return listeners;
}

export interface Process {
  readonly pid: number;
  readonly user: string;
  readonly command: string;
}

/** `ps -eo pid=,user=,args=`. K3s sets its title to `k3s server` and hides its arguments (facts 1.6). */
export function parseProcesses(text: string): Process[] {
  const processes: Process[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined && match[3] !== undefined) {
      processes.push({ pid: Number(match[1]), user: match[2], command: match[3] });
    }
  }
  return processes;
}

/** Those of the processes that are a K3s server, whoever started them. */
export function k3sServers(processes: readonly Process[]): Process[] {
  return processes.filter((one) => /^(?:\S*\/)?k3s(?:-server|\s+server)\b/.test(one.command));
}

export interface Filesystem {
  readonly source: string;
  readonly type: string;
  readonly size: number;
  readonly available: number;
  readonly target: string;
}

/** `df -B1 --output=source,fstype,size,avail,target PATH`, in bytes. */
export function parseDf(text: string): Filesystem[] {
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns.length >= 5)
    .map(([source = '', type = '', size = '0', available = '0', ...target]) => ({
      source,
      type,
      size: Number(size),
      available: Number(available),
      target: target.join(' '),
    }));
}
