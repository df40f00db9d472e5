import { minute } from '../incident/times.js';
import type { ClusterState, ScenarioId } from './triage.js';

/** What speaks against a scenario in a state of the cluster, and what it would lose. Pure. */

const HEALTHY = 'every server is healthy: there is nothing to repair';
const QUORUM = 'quorum holds: no data is lost as long as nothing is reset';
const UNKNOWN = 'nobody can tell yet: get the servers to answer first';
const FOREIGN = 'this cluster does not use embedded etcd';

/** A restore test fits any state of a cluster that is there to be overwritten, and is never recommended. */
export const ELSEWHERE = 'restore-elsewhere';
/** What is left over on one host is cleared when somebody asks for it; it is never recommended either. */
const CLEAR = 'clear-host';
const NO_API = 'what runs can only be compared with an API that answers';

const AGAINST: Readonly<Record<ScenarioId | typeof ELSEWHERE | typeof CLEAR, Partial<Record<ClusterState, string>>>> = {
  start: {
    healthy: HEALTHY,
    degraded: 'the cluster runs: repair the one that failed',
    'no-space': 'no majority is stopped: the database is full',
    'quorum-lost': 'no majority of sound servers is stopped: there is no quorum to start',
    'data-damaged': 'no server that answers has sound data to start with',
    split: 'starting more servers would feed both sides',
    'half-restored': 'a server was reset: started now, it would be a cluster beside the old one',
    'total-loss': 'there is no data to start with',
    unreachable: UNKNOWN,
    'not-etcd': FOREIGN,
  },
  'single-node': {
    healthy: HEALTHY,
    'no-space': 'no server has failed: the database is full',
    stopped: 'K3s is only stopped: start it',
    'quorum-lost': 'quorum is lost: no member can be added or removed',
    'data-damaged': 'quorum is lost: no member can be added or removed',
    'half-restored': 'quorum is lost: no member can be added or removed',
    'total-loss': 'there is no cluster left to join',
    unreachable: UNKNOWN,
    'not-etcd': FOREIGN,
  },
  'quorum-loss': {
    healthy: HEALTHY,
    degraded: `${QUORUM}; repair or replace the one that failed`,
    'no-space': 'a reset does not make the database smaller',
    stopped: 'starting what is stopped loses nothing; a reset throws the others out',
    split: 'each side has quorum: a reset would make it worse',
    'data-damaged': 'no server that answers has sound data',
    'total-loss': 'no server that answers has data',
    unreachable: UNKNOWN,
    'not-etcd': FOREIGN,
  },
  'full-restore': {
    healthy: 'the cluster is healthy: a restore would throw away what was written since the backup',
    degraded: `${QUORUM}; repair or replace the one that failed`,
    'no-space': 'the data is whole; only its quota is used up',
    stopped: 'starting what is stopped loses nothing',
    split: 'both sides have data: a restore would throw away what either wrote',
    'quorum-lost': 'a server may still have sound data: resetting on it would lose nothing',
    unreachable: UNKNOWN,
    'not-etcd': FOREIGN,
  },
  [ELSEWHERE]: { unreachable: UNKNOWN, 'not-etcd': FOREIGN },
  [CLEAR]: {
    'no-space': 'the database is full: nothing that is cleared could be started again',
    stopped: NO_API,
    split: 'nobody can tell which of the two APIs is right',
    'quorum-lost': NO_API,
    'data-damaged': NO_API,
    'half-restored': NO_API,
    'total-loss': NO_API,
    unreachable: UNKNOWN,
    'not-etcd': FOREIGN,
  },
};

/** Why a scenario does not fit now; undefined where nothing speaks against it. */
export const against = (state: ClusterState, scenario: string): string | undefined =>
  AGAINST[scenario as keyof typeof AGAINST]?.[state];

/** What would be lost, where that is known: a restore loses what was written since its backup. */
export function loses(scenario: string, newestBackup: number | undefined, now: number): string | undefined {
  if (scenario === ELSEWHERE) return 'everything that is on this cluster now';
  if (scenario !== 'full-restore') return undefined;
  if (newestBackup === undefined) return 'what was written since the backup';
  const minutes = Math.max(0, Math.round((now - newestBackup) / 60_000));
  const span = minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${span} of writes: the newest backup is of ${minute(newestBackup)}`;
}
