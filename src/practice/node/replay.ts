import type { IFileSystem } from 'just-bash';
import type { Output } from '../programs/run.js';
import { FilesError } from './files.js';

/**
 * What a unit's shell has done so far, as plain data: a copied cluster runs the shell anew, and everything in this list is answered
 * from it instead of being done a second time. A shell is deterministic, so it arrives where the original stands.
 */
export interface Script {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly done: Deed[];
}

/** One file operation or program. Without a result it is being done right now; a K3s process among those can be found again by its pid. */
export interface Deed {
  readonly what: string;
  result?: { readonly value: unknown } | { readonly error: readonly [FilesError['code'], string] };
  readonly said: (readonly ['out' | 'err', string])[];
  pid?: number;
}

/** Goes through a script's deeds: first those that are known, then new ones. */
export class Replay {
  #at = 0;

  constructor(readonly script: Script) {}

  /** Whether everything begun is either over or can be found again. */
  static isCopyable(script: Script): boolean {
    return script.done.every((deed) => deed.result !== undefined || deed.pid !== undefined);
  }

  /** The next deed if it is known already. */
  #next(what: string): Deed {
    const known = this.script.done[this.#at++];
    if (known === undefined) {
      const fresh: Deed = { what, said: [] };
      this.script.done.push(fresh);
      return fresh;
    }
    if (known.what !== what) throw new Error(`a copied shell went another way: ${what} instead of ${known.what}`);
    return known;
  }

  /** A program that takes its time; `act` gets the pid it is to find again, and tells the one it starts. */
  async program(
    what: string,
    output: Output,
    act: (output: Output, pid: number | undefined, started: (pid: number) => void) => number | Promise<number>,
  ): Promise<number> {
    const deed = this.#next(what);
    if (deed.result !== undefined && 'value' in deed.result) {
      for (const [stream, text] of deed.said) await output[stream](text);
      return Number(deed.result.value);
    }
    deed.said.length = 0;
    const tee =
      (stream: 'out' | 'err') =>
      (chunk: Uint8Array | string): void | Promise<void> => {
        deed.said.push([stream, typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8')]);
        return output[stream](chunk);
      };
    const code = await act({ out: tee('out'), err: tee('err') }, deed.pid, (pid) => {
      deed.pid = pid;
    });
    deed.result = { value: code };
    return code;
  }

  /** A file system whose operations are deeds. */
  files(real: IFileSystem): IFileSystem {
    return new Proxy(real, {
      get: (target, name, receiver) => {
        const method: unknown = Reflect.get(target, name, receiver);
        if (typeof method !== 'function' || typeof name !== 'string') return method;
        if (name === 'resolvePath' || name === 'getAllPaths') return method.bind(target);
        return (...args: unknown[]) =>
          this.#operation(name, args, () => method.apply(target, args) as Promise<unknown>);
      },
    });
  }

  /** The operations are `async` only in form: what they do is done before they return. */
  async #operation(name: string, args: readonly unknown[], act: () => Promise<unknown>): Promise<unknown> {
    const deed = this.#next(`${name} ${args.filter((one) => typeof one === 'string').map((one) => one.slice(0, 80))}`);
    if (deed.result !== undefined) {
      if ('error' in deed.result) throw new FilesError(...deed.result.error);
      return deed.result.value;
    }
    try {
      const value = await act();
      deed.result = { value };
      return value;
    } catch (error) {
      if (error instanceof FilesError) deed.result = { error: [error.code, error.path] };
      throw error;
    }
  }
}
