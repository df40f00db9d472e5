import type { Payload } from '../../src/incident/event.js';

export function longRun(times: number): Iterable<Payload>;
