import { type ExitCode, type Problem, ProblemError } from '../base/problem.js';
import { Secret } from '../base/secret.js';
import type { Fetched } from './pipeline.js';
import type { PipelineProgress } from './progress.js';

/** To the worker: the request with its secrets in it, what to prove it against as soon as that is known, then perhaps the wish to stop. */
export type ToWorker =
  | { readonly type: 'start'; readonly request: unknown }
  | { readonly type: 'terms'; readonly prove: unknown }
  | { readonly type: 'abort' };

/** From the worker. */
export type FromWorker =
  | { readonly type: 'progress'; readonly progress: PipelineProgress }
  | { readonly type: 'done'; readonly fetched: Fetched }
  | { readonly type: 'failed'; readonly problem: Problem; readonly exit: ExitCode }
  | { readonly type: 'crashed'; readonly message: string };

const MARK = '__secret';

/** A value with every {@link Secret} made plain, for a message between threads of this process and nothing else. */
export function pack(value: unknown): unknown {
  if (value instanceof Secret) return { [MARK]: value.reveal() };
  if (Array.isArray(value)) return value.map(pack);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, pack(inner)]));
}

/** The reverse of {@link pack}. */
export function unpack(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unpack);
  if (typeof value !== 'object' || value === null) return value;
  const secret = (value as Record<string, unknown>)[MARK];
  if (typeof secret === 'string') return new Secret(secret);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unpack(inner)]));
}

/** What was thrown, as a message. */
export function failure(thrown: unknown): FromWorker {
  if (thrown instanceof ProblemError) return { type: 'failed', problem: thrown.problem, exit: thrown.exit };
  return { type: 'crashed', message: thrown instanceof Error ? thrown.message : String(thrown) };
}
