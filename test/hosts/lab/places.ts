/** Names and paths of one lab. All of them carry its id, so that two labs, or a stale one, cannot be mixed up. */
export interface Places {
  readonly id: string;
  /** A tmpfs with everything of this lab; unmounted at the end. */
  readonly run: string;
  /** Kept between runs: base tree and etcd programs. */
  readonly cache: string;
  /** Compiled stand-in and what it needs, bound into every machine read-only. */
  readonly code: string;
  readonly labNamespace: string;
}

/** The checkout under test; compiled, this file lies elsewhere. */
export const REPOSITORY = process.env.BLACKSTART_ROOT ?? process.cwd();

export const CACHE = process.env.BLACKSTART_LAB_CACHE ?? '/var/cache/blackstart-lab';

export function placesOf(id: string): Places {
  const run = `/run/blackstart-lab-${id}`;
  return { id, run, cache: CACHE, code: `${run}/code`, labNamespace: `bl${id}-lab` };
}

/** The lab this process runs in, made by `test/hosts/main.ts`. */
export function currentPlaces(): Places {
  const id = process.env.BLACKSTART_LAB;
  if (id === undefined) throw new Error('run by npm run test:hosts only');
  return placesOf(id);
}

export const namespaceOf = (places: Places, host: string): string => `bl${places.id}-${host}`;
