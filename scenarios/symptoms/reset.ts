import type { Symptom } from '../../src/lookup/types.js';

/** Fact file 4.6 and 1.7: what a reset or restore says. */
export const resetSymptoms: readonly Symptom[] = [
  {
    id: '69',
    title: 'The reset has succeeded',
    patterns: ['restart without --cluster-reset flag now'],
    severity: 'info',
    means:
      'The one sign of success in every version. From v1.31.14, v1.32.10, v1.33.6, v1.34.2 and v1.35.0 on it is logged as an error, inside "Shutdown request received", and is not the last line.',
    doThis:
      'Start K3s on {primary} normally, without waiting in the foreground. Only then the other servers, one by one, with their databases moved aside.',
    notThis:
      'Do not wait for "Cluster reset complete, now start without --cluster-reset": no version says that. And never delete server/db on {primary}: that line is meant for the peers.',
    source: 'fact file 1.4; R6, R7, R8; #10713',
    steps: ['reset', 'start-primary'],
    words: ['Cluster reset complete, now start without --cluster-reset'],
    example:
      'time="2026-11-22T10:51:52Z" level=info msg="Managed etcd cluster membership has been reset, restart without --cluster-reset flag now."',
  },
  {
    id: '70',
    title: 'A reset was done before, and K3s was not started since',
    patterns: ['Managed etcd cluster membership was previously reset, please remove the cluster-reset flag'],
    severity: 'error',
    means:
      'server/db/reset-flag is there. Either the reset was good and only the normal start is missing, or an earlier reset was interrupted.',
    doThis:
      'If the earlier reset showed its success line: start normally. If not: run it again with the snapshot (that ignores the flag), or move db/reset-flag aside first. Take cluster-reset out of the config if it stands there.',
    source: 'K3s pkg/cluster/managed.go; rancher/k3k#844; R15',
    steps: ['start-primary', 'reset'],
    example:
      'time="2026-11-22T10:51:12Z" level=fatal msg="Error: starting kubernetes: preparing server: start managed database: Managed etcd cluster membership was previously reset, please remove the cluster-reset flag and start k3s normally."',
  },
  {
    id: '71',
    title: 'A server URL is set during the reset',
    patterns: ['cannot perform cluster-reset while server URL is set'],
    since: 'v1.25.15, v1.26.10, v1.27.7, v1.28.3',
    severity: 'error',
    means: 'A reset makes a cluster of one; it cannot join another at the same time. Nothing was changed.',
    doThis: 'Leave server: and K3S_URL out for the reset only, and put them back afterwards if this server had them.',
    source: '#8488; R1',
    steps: ['deliver', 'reset'],
    example:
      'time="2026-11-22T10:31:15Z" level=fatal msg="Error: cannot perform cluster-reset while server URL is set - remove server from configuration before resetting"',
  },
  {
    id: '72',
    title: 'The reset has no token',
    patterns: ['server/token does not exist, please pass --token to complete the restoration'],
    severity: 'error',
    means: 'On a new host there is no server/token yet. A token file alone is not enough. Nothing was changed.',
    doThis: 'Give the token itself (--token or K3S_TOKEN): the one in force when the snapshot was taken.',
    source: '#13085; R2',
    steps: ['reset'],
    example:
      'time="2026-11-22T10:31:24Z" level=fatal msg="Error: /var/lib/rancher/k3s/server/token does not exist, please pass --token to complete the restoration"',
  },
  {
    id: '73',
    title: 'The snapshot is not at that path',
    patterns: ['etcd: snapshot path (?:does not exist|must be a file)'],
    severity: 'error',
    means:
      'The path is wrong, relative, or a folder; or it is the name of an S3 object while S3 is off. Nothing was changed.',
    doThis: 'Give the absolute path of the plain file on {primary}.',
    source: '#8166; R4, R11',
    steps: ['deliver'],
    example:
      'time="2026-11-22T10:24:13Z" level=fatal msg="Error: starting kubernetes: failed to start cluster: start managed database: etcd: snapshot path does not exist: ./on-demand-node-1-1795342536"',
  },
  {
    id: '74',
    title: 'The snapshot has no checksum: cut off, or no snapshot',
    patterns: ['snapshot missing hash but --skip-hash-check=false'],
    severity: 'error',
    means:
      'Its size does not end with 32 bytes of sha256: a copy of member/snap/db, a .part file, a file cut off, still zipped or still encrypted. The live database was already moved to etcd-old-….',
    doThis:
      'Prove another snapshot (blackstart verify), run the reset again with it; or put db/etcd-old-… of this incident back.',
    notThis:
      'Do not start K3s now: it dies of SIGBUS every few seconds. And do not skip the hash check to get past this.',
    source: 'etcdutl snapshot/v3_snapshot.go; #8824; R13',
    steps: ['fetch', 'reset'],
    example:
      'time="2026-11-22T10:25:34Z" level=fatal msg="Error: starting kubernetes: failed to start cluster: start managed database: snapshot missing hash but --skip-hash-check=false"',
  },
  {
    id: '75',
    title: 'The snapshot is damaged: its checksum differs',
    patterns: [String.raw`expected sha256 \[.{0,300}\], got \[`],
    severity: 'error',
    means: 'At least one byte changed since it was taken. The live database was already moved to etcd-old-….',
    doThis:
      'Take another copy or another snapshot, prove it, run the reset again; or put db/etcd-old-… of this incident back.',
    notThis: 'Do not start K3s now: it makes a new etcd on the damaged data, and /health says 200.',
    source: 'etcdutl snapshot/v3_snapshot.go; R13',
    steps: ['fetch', 'reset'],
    example:
      'level=fatal msg="Error: starting kubernetes: failed to start cluster: start managed database: expected sha256 [33 162 79], got [101 12 204]"',
  },
  {
    id: '76',
    title: 'K3s doubles the path of a .zip snapshot',
    patterns: [String.raw`snapshots/.{1,200}/snapshots/.{1,200}\.zip: no such file`],
    since: 'v1.33.10, v1.34.6, v1.35.3, v1.36.0',
    severity: 'error',
    means:
      'A bug of K3s, not of your file: a compressed snapshot cannot be restored by these versions. Nothing was moved.',
    doThis: 'Unzip it (unzip -p x.zip > x) and restore the plain file, with --etcd-s3=false.',
    source: '#14526',
    steps: ['fetch', 'deliver'],
    example:
      'level=fatal msg="starting kubernetes: open /var/lib/rancher/k3s/server/db/snapshots/var/lib/rancher/k3s/server/db/snapshots/on-demand-node-1-1795342572.zip: no such file or directory"',
  },
  {
    id: '77',
    title: 'The S3 settings are in a Secret that cannot be read now',
    patterns: ['cannot use S3 config secret when restoring snapshot'],
    since: 'v1.28.13, v1.29.8, v1.30.4',
    severity: 'error',
    means: 'During a reset there is no API server to read the Secret from. Nothing was changed.',
    doThis: 'Bring the snapshot to {primary} as a file, or pass the S3 settings as flags.',
    source: 'K3s pkg/etcd/etcd.go; K3s docs, etcd-snapshot',
    steps: ['fetch', 'deliver'],
    example:
      'level=fatal msg="cannot use S3 config secret when restoring snapshot; configuration must be set in CLI or config file"',
  },
  {
    id: '78',
    title: 'The S3 storage refuses: name, rights, key or clock',
    patterns: [
      String.raw`bucket \S{1,255} does not exist`,
      'failed to test for existence of bucket',
      'The specified key does not exist',
      'Access ?Denied',
      'SignatureDoesNotMatch',
      'request signature we calculated does not match',
      'RequestTimeTooSkewed',
    ],
    severity: 'error',
    means:
      'The end of the line says which: bucket, object name (it must not include the folder), rights, secret key, or a clock that is more than 15 minutes off. Nothing was changed.',
    doThis: 'List the bucket with the same credentials (blackstart backups), then correct that one thing.',
    source: 'K3s pkg/etcd/s3/s3.go; R47, R48',
    steps: ['fetch'],
    example:
      'time="2026-11-22T11:09:14Z" level=fatal msg="Error: see server log for details: failed to initialize S3 client: failed to test for existence of bucket k3s-backups: The request signature we calculated does not match the signature you provided. Check your key and signing method."',
    also: [
      'time="2026-11-22T11:08:37Z" level=fatal msg="Error: see server log for details: failed to initialize S3 client: bucket k3s-backups does not exist"',
      'time="2026-11-22T11:09:43Z" level=fatal msg="Error: starting kubernetes: failed to start cluster: start managed database: failed to download snapshot from S3: The specified key does not exist."',
      'level=error msg="Access Denied."',
      '<Code>SignatureDoesNotMatch</Code>',
      '<Code>RequestTimeTooSkewed</Code>',
    ],
  },
  {
    id: '79',
    title: 'The reset did not isolate this member',
    patterns: ['failed to update peer url: etcd still has more than one member'],
    severity: 'error',
    means: 'Membership still lists others. K3s repeats this for ever.',
    doThis:
      'Stop the reset. Check that K3s is stopped on all other servers and that unit and reset use the same data folder and etcd-arg. Then escalate with the output.',
    source: '#3651, #7841; K3s pkg/etcd/etcd.go',
    steps: ['stop'],
    example: 'level=error msg="failed to update peer url: etcd still has more than one member"',
  },
  {
    id: '80',
    title: 'The database from before is kept here: the way back',
    patterns: ['Pre-restore etcd database moved to '],
    severity: 'info',
    means:
      'The reset put the live database aside before it looked at the snapshot. Each further try with a snapshot makes another; the original is the oldest of this incident.',
    doThis:
      'Note the path. To go back: K3s stopped, db/etcd away, this one back to db/etcd, server/token and server/cred back from the safety copy, reset-flag away, start.',
    notThis: 'Do not delete it before the restore is verified.',
    source: 'R4, R12, R15',
    example:
      'time="2026-11-22T10:19:57Z" level=info msg="Pre-restore etcd database moved to /var/lib/rancher/k3s/server/db/etcd-old-1795342797"',
  },
  {
    id: '81',
    title: 'A snapshot was given without --cluster-reset',
    patterns: ['invalid flag use; --cluster-reset required with --cluster-reset-restore-path'],
    severity: 'error',
    means: 'The two flags belong together. Nothing was changed.',
    doThis: 'Run it again with --cluster-reset.',
    source: 'R1',
    steps: ['reset'],
    example:
      'time="2026-11-22T10:24:04Z" level=fatal msg="Error: invalid flag use; --cluster-reset required with --cluster-reset-restore-path"',
  },
];
