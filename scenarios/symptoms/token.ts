import type { Symptom } from '../../src/lookup/types.js';

/** Fact file 4.3: token, bootstrap data, certificates. */
export const tokenSymptoms: readonly Symptom[] = [
  {
    id: '36',
    title: 'The token is not the one of this snapshot',
    patterns: [
      'bootstrap data already found and encrypted with different token',
      'cipher: message authentication failed',
    ],
    severity: 'error',
    means:
      'The bootstrap data inside is encrypted with the token that was in force when the snapshot was taken. Wrong token, a typing error, a space at the end, or the token was rotated since. A reset that failed here has also rewritten server/token and server/cred with the wrong one.',
    doThis:
      'Find the right token (blackstart tokens shows which one opens the backup), then run the reset again with the snapshot and that token. "cipher" instead means a damaged value: take another snapshot.',
    notThis:
      'Do not start K3s in between: it then loops on server/cred/passwd (40), also after the old database was moved back.',
    source: '#4640, #3888, rancher/k3k#278; R12',
    steps: ['fetch', 'reset'],
    example: 'panic: bootstrap data already found and encrypted with different token',
    also: ['level=fatal msg="starting kubernetes: preparing server: cipher: message authentication failed"'],
  },
  {
    id: '37',
    title: 'K3s cannot read its bootstrap data',
    patterns: ['[Ff]ailed to reconcile with (?:local datastore|temporary etcd): '],
    severity: 'error',
    means:
      'A server that had been running before could not read or decrypt its keys from etcd. The end of the line says why.',
    doThis:
      'Look up the end of the line: most often the token (36), an empty database (38), or a damaged one (61 to 68).',
    source: 'K3s pkg/cluster/bootstrap.go; R25',
    example:
      'time="2026-11-22T10:53:42Z" level=fatal msg="Error: preparing server: failed to bootstrap cluster data: failed to reconcile with local datastore: context deadline exceeded"',
    also: ['level=fatal msg="Failed to reconcile with temporary etcd: context deadline exceeded"'],
  },
  {
    id: '38',
    title: 'The database holds no bootstrap data',
    patterns: ['no bootstrap data found in datastore - check server token value and verify datastore integrity'],
    severity: 'error',
    means:
      'The datastore is empty, or lost the keys of the cluster. Seen when a wiped server starts under its old address.',
    doThis:
      'If other servers live: stop {server}, move db/etcd aside, set server: and let it join. If not: restore a snapshot.',
    source: 'K3s pkg/cluster/bootstrap.go; R19',
    steps: ['aside', 'rejoin', 'reset'],
    example:
      'time="2026-11-22T10:44:44Z" level=fatal msg="Error: preparing server: failed to bootstrap cluster data: failed to reconcile with local datastore: no bootstrap data found in datastore - check server token value and verify datastore integrity"',
  },
  {
    id: '39',
    title: 'Two tokens were used with one datastore',
    patterns: ['found multiple bootstrap keys in storage'],
    severity: 'error',
    means: 'There is more than one set of bootstrap data, and K3s does not guess.',
    doThis:
      'Escalate before deleting a key: only the one of the token in force may stay. A snapshot from before is the safer way.',
    source: 'K3s pkg/cluster/storage.go',
    example: 'level=fatal msg="preparing server: found multiple bootstrap keys in storage"',
  },
  {
    id: '40',
    title: 'Files on disk are newer than the datastore',
    patterns: ['newer than datastore and could cause a cluster outage'],
    severity: 'error',
    means:
      'The files named at the beginning of the line differ from what etcd holds and are newer: older data was restored, files were copied, or a CA was rotated. K3s refuses to start and loops.',
    doThis:
      'Stop K3s on {server}, move the named files aside, start. K3s writes them again from the datastore. If it is cred/passwd after a failed restore: run the reset again with the right token.',
    notThis: 'Do not delete all of server/tls: only the named files, and keep them.',
    source: '#5714, #11014, rancher/rke2#4034; R12',
    steps: ['start-primary'],
    example:
      'time="2026-11-22T10:29:18Z" level=fatal msg="/var/lib/rancher/k3s/server/cred/passwd newer than datastore and could cause a cluster outage. Remove the file(s) from disk and restart to be recreated from datastore."',
  },
  {
    id: '41',
    title: 'The node holds another cluster’s CA',
    patterns: ['x509: certificate signed by unknown authority'],
    severity: 'error',
    means: 'Certificates on this node are of another cluster, or of the time before the restore.',
    doThis:
      'On a server that joins: stop it, move server/tls and server/cred aside, start. On an agent: move agent/*.crt aside and restart k3s-agent.',
    notThis: 'Do not run k3s certificate rotate-ca for this: it makes new CAs, it does not bring the right ones.',
    source: '#2034, #12202, #2875',
    steps: ['rejoin', 'restart-agents'],
    example: String.raw`level=error msg="Failed to validate connection to cluster at https://10.77.0.11:6443: Get \"https://10.77.0.11:6443/cacerts\": tls: failed to verify certificate: x509: certificate signed by unknown authority"`,
  },
  {
    id: '42',
    title: 'A certificate has expired, or the clock is wrong',
    patterns: ['x509: certificate has expired or is not yet valid: current time'],
    severity: 'error',
    means:
      'The line gives the host’s time and the certificate’s limit. Either the clock is off, or the certificates ran out while K3s was down.',
    doThis:
      'Check the clock of {server} first. If it is right: restart K3s, which renews its certificates within 120 days of their end; else stop, k3s certificate rotate, start.',
    notThis: 'Not k3s certificate rotate-ca: that replaces the CA, needs a running server and --path.',
    source: 'Go x509; K3s docs, certificate',
    example:
      'level=error msg="tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2027-12-01T08:00:00Z is after 2027-11-22T10:11:36Z"',
  },
  {
    id: '43',
    title: 'The certificate does not name this address',
    patterns: ['x509: certificate is valid for .{1,400}, not '],
    severity: 'error',
    means: 'Somebody connects under an address or a name that is not in the server’s certificate.',
    doThis:
      'Add it as tls-san on {servers} and restart, or use an address that is in it. A changed host address needs node-ip.',
    source: 'Go x509',
    example: 'x509: certificate is valid for 10.43.0.1, 127.0.0.1, 10.77.0.11, not 10.0.0.10',
  },
  {
    id: '44',
    title: 'Somebody with an old CA tries to connect',
    patterns: ['TLS handshake error from .{1,200}: remote error: tls: bad certificate'],
    severity: 'warning',
    means: 'The peer or agent at that address does not trust this server’s certificate: it holds the CA from before.',
    doThis: 'Go to the host at that address and follow entry 41 there.',
    source: '#2369, #3723',
    example:
      'time="2026-11-22T10:50:00Z" level=info msg="http: TLS handshake error from 10.77.0.14:51712: remote error: tls: bad certificate"',
  },
  {
    id: '45',
    title: 'Pods hold tokens of another service account key',
    patterns: ['invalid bearer token'],
    severity: 'warning',
    means: 'The restore brought back another service.key; tokens issued since are not accepted.',
    doThis: 'Restart the pods that hold them, one workload at a time (kubectl rollout restart).',
    notThis: 'Do not force-delete all pods.',
    source: '#3717',
    example: `E1122 10:50:00.000000      78 authentication.go:75] "Unable to authenticate the request" err="[invalid bearer token, square/go-jose: error in cryptographic primitive]"`,
  },
  {
    id: '46',
    title: 'The token has a wrong form',
    patterns: ['failed to normalize server token', 'invalid token CA hash length', 'invalid token format'],
    severity: 'error',
    means:
      'A token is a password, or K10<CA hash>::server:<password>. A path to a file or a kubeadm style token is neither.',
    doThis:
      'Give the content of server/token. A file belongs to --token-file, and that alone is not enough on a new host (72).',
    source: 'K3s pkg/util/token.go; #7313, #13085',
    example:
      'time="2026-11-22T10:32:12Z" level=fatal msg="failed to normalize server token; must be in format K10<CA-HASH>::<USERNAME>:<PASSWORD> or <PASSWORD>"',
    also: ['level=fatal msg="invalid token CA hash length"', 'level=fatal msg="invalid token format"'],
  },
  {
    id: '47',
    title: 'Clocks of the servers differ',
    patterns: ['prober found high clock drift'],
    severity: 'warning',
    means: 'More than a second lies between two members. Certificates and leases suffer.',
    doThis: 'Put time synchronisation right (chrony or systemd-timesyncd) on {servers}.',
    source: 'etcd rafthttp/probing_status.go',
    example:
      '{"level":"warn","caller":"rafthttp/probing_status.go:85","msg":"prober found high clock drift","round-tripper-name":"ROUND_TRIPPER_RAFT_MESSAGE","remote-peer-id":"24308fb88dd84fe7","clock-drift":"4.21s"}',
  },
  {
    id: '48',
    title: 'Bootstrap data is there already',
    patterns: ['Bootstrap key already (?:exists|locked)'],
    severity: 'info',
    means: 'K3s found its keys in the datastore. Part of every start and reset.',
    doThis: 'Nothing.',
    source: 'K3s pkg/cluster/storage.go; R6',
    example: 'time="2026-11-22T10:38:52Z" level=warning msg="Bootstrap key already exists"',
  },
];
