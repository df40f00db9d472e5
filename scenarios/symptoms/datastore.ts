import type { Symptom } from '../../src/lookup/types.js';

/** What every damaged member has in common: nothing on it is repaired, it is replaced. */
const REPLACE =
  'With other servers alive: stop {server}, move db/etcd aside, let it join again. A single server, or none left: restore a snapshot.';
const KEEP = 'Do not delete the damaged files before the restore is verified: they may be all there is.';

/** Fact file 4.5: datastore damage and space. */
export const datastoreSymptoms: readonly Symptom[] = [
  {
    id: '57',
    title: 'etcd has reached its quota and refuses writes',
    patterns: ['etcdserver: mvcc: database space exceeded', 'alarm:NOSPACE', 'ALARM NOSPACE', 'etcdserver: no space'],
    severity: 'error',
    means:
      'The database is as large as its quota (2 GiB unless set). Reading works, /readyz is fine; only port 2381/health says 503.',
    doThis:
      'Restart K3s on {server}: it defragments and clears the alarm. If it comes back: add etcd-arg quota-backend-bytes=4294967296, restart, then find out what fills it.',
    notThis:
      'Deleting objects does not help by itself: the file shrinks only when it is compacted and defragmented. No restore for this.',
    source: '#4787, #5158, #6690, rancher/k3k#815; R30',
    example: 'error: failed to create configmap: etcdserver: mvcc: database space exceeded',
    also: [
      '{"health":"false","reason":"ALARM NOSPACE"}',
      'memberID:2677845678 alarm:NOSPACE',
      'rpc error: code = ResourceExhausted desc = etcdserver: no space',
    ],
  },
  {
    id: '58',
    title: 'The space alarm was cleared',
    patterns: ['NOSPACE disarmed successfully'],
    severity: 'info',
    means: 'K3s has defragmented at its start and writes are accepted again.',
    doThis: 'Find out what filled the database, or raise the quota.',
    source: 'K3s pkg/etcd/etcd.go clearAlarms; R30',
    example: 'time="2026-11-22T10:55:00Z" level=info msg="Alarm: NOSPACE disarmed successfully"',
  },
  {
    id: '59',
    title: 'Members hold different data',
    patterns: [
      'CORRUPT alarm must be disarmed manually',
      'ALARM CORRUPT',
      'etcdserver: corrupt cluster',
      'found data inconsistency',
    ],
    severity: 'error',
    means: 'etcd compared its members and they differ.',
    doThis: `Find the member that differs (compare hashes and revisions). ${REPLACE}`,
    notThis: 'Do not disarm the alarm before the differing member is replaced.',
    source: 'K3s pkg/etcd/etcd.go clearAlarms',
    steps: ['aside', 'rejoin'],
    example: 'level=error msg="CORRUPT alarm must be disarmed manually"',
    also: [
      '{"health":"false","reason":"ALARM CORRUPT"}',
      'etcdserver: corrupt cluster',
      '{"level":"fatal","caller":"etcdserver/corrupt.go:100","msg":"found data inconsistency with peers"}',
    ],
  },
  {
    id: '60',
    title: 'The disk is full',
    patterns: ['no space left on device'],
    severity: 'error',
    means: 'A write failed on {server}. A reset that failed here has already moved the live database to etcd-old-….',
    doThis:
      'Free space first: db/etcd-tmp of a failed reset, etcd-old-… and tls-… of earlier incidents, images. A reset wants three times the snapshot and 500 MB.',
    notThis:
      'Do not delete the newest etcd-old-…, nor the oldest one of this incident: it is the way back. Nor the last snapshot.',
    source: 'R17',
    steps: ['save', 'deliver', 'reset'],
    example:
      'time="2026-11-22T10:48:48Z" level=fatal msg="write /var/lib/rancher/k3s/server/db/etcd-tmp/member/wal/0000000000000000-0000000000000000.wal: copy_file_range: no space left on device"',
  },
  {
    id: '61',
    title: 'The database file is damaged (pages)',
    patterns: ['freepages: failed to get all reachable pages', 'assertion failed: Page expected to be'],
    severity: 'error',
    means: 'The bbolt file lost pages, most often by a power cut. It cannot be repaired here.',
    doThis: REPLACE,
    notThis: KEEP,
    source: 'bbolt db.go, page.go; etcd#11949',
    steps: ['aside', 'rejoin', 'reset'],
    example: 'panic: freepages: failed to get all reachable pages (page 1437: multiple references (stack: [1]))',
    also: ['panic: assertion failed: Page expected to be: 1437, but self identifies as 0'],
  },
  {
    id: '62',
    title: 'The database is older than the raft snapshot',
    patterns: [
      "failed to find database snapshot file \\(snap: snapshot file doesn't exist\\)",
      'failed to recover v3 backend from snapshot',
      String.raw`failed to find \[SNAPSHOT-INDEX\]\.snap\.db`,
    ],
    severity: 'error',
    means: 'A crash came between two writes. The member cannot start from what is on its disk.',
    doThis: REPLACE,
    notThis: KEEP,
    source: 'etcd storage/backend.go; etcd#12492, etcd#14497',
    steps: ['aside', 'rejoin', 'reset'],
    example:
      '{"level":"panic","caller":"etcdserver/server.go:515","msg":"failed to recover v3 backend from snapshot","error":"failed to find database snapshot file (snap: snapshot file doesn\'t exist)"}',
    also: ['{"level":"warn","msg":"failed to find [SNAPSHOT-INDEX].snap.db","snapshot-index":60001}'],
  },
  {
    id: '63',
    title: 'The write-ahead log is damaged',
    patterns: ['walpb: crc mismatch', 'failed to (?:open|read|repair) WAL', 'wal: max entry size limit exceeded'],
    severity: 'error',
    means: 'etcd cannot read its log. With "no space left on device" in the same line it is only the full disk (60).',
    doThis: `Check the free space first (60). ${REPLACE}`,
    notThis: KEEP,
    source: '#9701, etcd#11220',
    steps: ['aside', 'rejoin', 'reset'],
    example:
      '{"level":"fatal","ts":"2026-11-22T10:49:03.297730Z","caller":"etcdserver/bootstrap.go:631","msg":"failed to read WAL, cannot be repaired","error":"walpb: crc mismatch"}',
    also: [
      '{"level":"fatal","msg":"failed to repair WAL","error":"wal: max entry size limit exceeded, recBytes: 9182"}',
    ],
  },
  {
    id: '64',
    title: 'The member’s data went back in time',
    patterns: [String.raw`tocommit\(\d+\) is out of range \[lastIndex\(\d+\)\]\. Was the raft log corrupted`],
    severity: 'error',
    means:
      'The cluster remembers more than this member holds: a VM snapshot or a copy of the disk was put back, or the server was wiped while the others still list it.',
    doThis:
      'Stop {server}, delete its Node so that the stale member goes, move db/etcd aside, set server:, join again.',
    notThis: 'No reset: the other members are fine.',
    source: 'etcd#15699, etcd#13509; R19',
    steps: ['aside', 'rejoin'],
    example: 'panic: tocommit(3508) is out of range [lastIndex(1)]. Was the raft log corrupted, truncated, or lost?',
  },
  {
    id: '65',
    title: 'etcd crashes while reading its database',
    patterns: ['panic: runtime error: slice bounds out of range', 'unexpected fault address', 'signal SIGBUS'],
    severity: 'error',
    means:
      'The file is damaged or cut off. After the restore of a truncated snapshot K3s dies this way every few seconds, with a thousand lines each.',
    doThis: `Stop K3s on {server}. ${REPLACE}`,
    notThis: 'Do not leave it looping: it fills the journal.',
    source: '#7851; R13',
    steps: ['stop', 'reset'],
    example: 'panic: runtime error: slice bounds out of range [:1869967392] with capacity 268435455',
    also: [
      'unexpected fault address 0x7f8a78222000',
      '[signal SIGBUS: bus error code=0x2 addr=0x7f8a78222000 pc=0x4b3c02a]',
    ],
  },
  {
    id: '66',
    title: 'Another process already has this database or port',
    patterns: [
      'db file is flocked by another process, or taking too long',
      'fileutil: file already locked',
      'bind: address already in use',
    ],
    severity: 'error',
    means:
      'Two K3s or etcd processes want the same data. During a reset it means that K3s still runs; nothing was changed.',
    doThis: 'Stop K3s on {server} and look who listens on 6443, 6444, 2379 and 2380 (ss -ltnp).',
    source: 'etcd storage/backend.go; #4196; R11',
    steps: ['stop'],
    example:
      '{"level":"info","caller":"storage/backend.go:65","msg":"db file is flocked by another process, or taking too long","path":"/var/lib/rancher/k3s/server/db/etcd/member/snap/db"}',
    also: [
      '{"level":"fatal","msg":"failed to open","error":"fileutil: file already locked"}',
      'level=fatal msg="Error: listen tcp 127.0.0.1:6444: bind: address already in use"',
    ],
  },
  {
    id: '67',
    title: 'The database is empty, missing or damaged at start',
    patterns: ['failed to (?:read consistent index|stat MVCC KV store backend path|create temporary datastore client)'],
    severity: 'error',
    means: 'K3s opens the database read-only before it starts etcd, and could not.',
    doThis: REPLACE,
    notThis: KEEP,
    source: 'K3s pkg/etcd/store',
    steps: ['aside', 'rejoin', 'reset'],
    example: 'level=fatal msg="failed to stat MVCC KV store backend path: no such file or directory"',
  },
  {
    id: '68',
    title: 'The log is there, the database file is not',
    patterns: [String.raw`database file \(.{1,300}\) of the backend is missing`],
    severity: 'error',
    means: 'member/snap/db is gone while the WAL remains: something deleted a part of db/etcd.',
    doThis: REPLACE,
    notThis: KEEP,
    source: 'etcd bootstrap.go',
    steps: ['aside', 'rejoin', 'reset'],
    example:
      '{"level":"panic","msg":"database file (/var/lib/rancher/k3s/server/db/etcd/member/snap/db) of the backend is missing"}',
  },
];
