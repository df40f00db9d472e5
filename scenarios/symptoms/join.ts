import type { Symptom } from '../../src/lookup/types.js';

/** Fact file 4.2: a server joins, or joins again. */
export const joinSymptoms: readonly Symptom[] = [
  {
    id: '21',
    title: 'The cluster already has a member of this name',
    patterns: ['duplicate node name found, please use a unique name for this node'],
    severity: 'error',
    means:
      'The old member of this host is still listed, or its database was lost while the cluster lives. K3s tries again every 7 seconds.',
    doThis:
      'Delete the Node of {server} (kubectl delete node). The stale member goes with it and the join heals by itself within seconds.',
    notThis: 'No reset: the rest of the cluster is healthy.',
    source: '#10408, #4210, #2769; R35',
    steps: ['rejoin'],
    example:
      'time="2026-11-22T10:42:22Z" level=error msg="Shutdown request received: etcd cluster join failed: duplicate node name found, please use a unique name for this node"',
  },
  {
    id: '22',
    title: 'Another server is joining',
    patterns: ['too many learner members in cluster'],
    severity: 'warning',
    means: 'Only one learner at a time is allowed. One is under way, or one died half way.',
    doThis:
      'Wait: the retry is automatic, and a dead learner is removed after five minutes. Let servers join one after another.',
    source: '#7000, #8496, #2306; R54',
    example: 'time="2026-11-22T10:42:22Z" level=info msg="etcdserver: too many learner members in cluster"',
  },
  {
    id: '23',
    title: 'The server to join does not give its member list yet',
    patterns: ['Waiting to retrieve etcd cluster member list: '],
    severity: 'info',
    means: 'etcd on the server behind the server URL is not ready.',
    doThis: 'Look at {primary}; this one goes on by itself.',
    source: 'K3s pkg/etcd/etcd.go pollJoin',
    example:
      'time="2026-11-22T10:42:22Z" level=info msg="Waiting to retrieve etcd cluster member list: 503 Service Unavailable"',
  },
  {
    id: '24',
    title: 'The join has failed',
    patterns: ['etcd cluster join failed: '],
    severity: 'error',
    means: 'The end of the line says why. The process ends with exit 0 here, so systemd shows the result "protocol".',
    doThis: 'Look up the end of the line.',
    source: 'K3s pkg/etcd/etcd.go pollJoin; R35',
    example:
      'time="2026-11-22T10:42:22Z" level=error msg="Shutdown request received: etcd cluster join failed: context deadline exceeded"',
  },
  {
    id: '25',
    title: 'The join has failed (older versions)',
    patterns: ['ETCD join failed: '],
    severity: 'error',
    means: 'The end of the line says why.',
    doThis: 'Look up the end of the line.',
    source: '#4803',
    example: 'level=fatal msg="ETCD join failed: context deadline exceeded"',
  },
  {
    id: '26',
    title: 'A flag differs from the rest of the cluster',
    patterns: [
      'critical configuration value mismatch between servers',
      String.raw`critical configuration mismatched: \S`,
    ],
    severity: 'error',
    means:
      'Some settings must be the same on all servers: networks, cluster domain, disabled components, encryption, and so on. The line above names it.',
    doThis: 'Set the named flag on {server} to the value of {primary}, then start again.',
    source: '#12745, #4579, #6448',
    example:
      'level=fatal msg="starting kubernetes: preparing server: failed to validate server configuration: critical configuration value mismatch between servers"',
    also: ['level=warning msg="critical configuration mismatched: ClusterIPRange"'],
  },
  {
    id: '27',
    title: 'A server URL is set, but no token',
    patterns: ['token is required to join a cluster'],
    severity: 'error',
    means: 'K3s cannot join without the server token.',
    doThis: 'Give {server} the server token (token: or token-file: in its config, or K3S_TOKEN), then start again.',
    source: 'K3s pkg/cluster/bootstrap.go',
    example:
      'level=fatal msg="starting kubernetes: preparing server: failed to bootstrap cluster data: token is required to join a cluster"',
  },
  {
    id: '28',
    title: 'The token belongs to another cluster',
    patterns: ['token CA hash does not match the Cluster CA certificate hash'],
    severity: 'error',
    means:
      'A full token (K10…) carries the hash of its cluster’s CA. This one is of a cluster that was rebuilt, or of another one.',
    doThis:
      'Take the current token from server/token on {primary}, or use the password alone (the part after the last colon).',
    notThis: 'Do not delete server/tls on {primary} to make it fit.',
    source: '#3727, #3717',
    steps: ['rejoin'],
    example:
      'level=fatal msg="failed to validate token: token CA hash does not match the Cluster CA certificate hash: 9f0c… != 41ab…"',
  },
  {
    id: '29',
    title: 'The server URL cannot be reached',
    patterns: [
      'failed to validate token: .{0,300}(?:connection refused|i/o timeout|no such host)',
      'failed to get CA certs: ',
    ],
    severity: 'warning',
    means: 'Nothing answers at the server URL, or the server there is still starting ("starting").',
    doThis:
      'Check that K3s runs on the server behind the URL, then name, route, firewall and the health checks of a load balancer in between.',
    source: 'K3s pkg/clientaccess/token.go; R45',
    example:
      'time="2026-11-22T10:58:44Z" level=error msg="Failed to validate connection to cluster at https://10.77.0.11:6443: failed to get CA certs: starting"',
    also: ['level=fatal msg="failed to validate token: dial tcp 10.77.0.11:6443: connect: connection refused"'],
  },
  {
    id: '30',
    title: 'The server’s certificate is not signed by the CA it serves',
    patterns: ['CA cert validation failed'],
    severity: 'error',
    means:
      'The load balancer sends one request to this cluster and the next to another, or something in between ends TLS.',
    doThis: 'Let the server URL point at {primary} itself, then put the load balancer right.',
    source: 'K3s pkg/clientaccess/token.go getCACerts',
    example:
      'level=fatal msg="failed to validate token: CA cert validation failed: Get https://10.0.0.10:6443/cacerts: x509: certificate signed by unknown authority"',
  },
  {
    id: '31',
    title: 'The token is refused',
    patterns: [String.raw`/v1-k3s/server-bootstrap\\?"?: (?:401 Unauthorized|403 Forbidden)`, ': not authorized'],
    severity: 'error',
    means: 'The token is wrong, was rotated, or is an agent token used for a server.',
    doThis:
      'Use the server token that is in force on {primary} (server/token). After a rotation restart each server with the new one.',
    source: 'K3s pkg/clientaccess readBody; R25',
    example: 'time="2026-11-22T10:53:41Z" level=fatal msg="Error: see server log for details: not authorized"',
    also: ['level=fatal msg="https://10.77.0.11:6443/v1-k3s/server-bootstrap: 401 Unauthorized"'],
  },
  {
    id: '32',
    title: 'This server was removed and has no server URL',
    patterns: ['tombstone file has been detected but --server is empty'],
    since: 'v1.32.12, v1.33.8, v1.34.4, v1.35.1',
    severity: 'error',
    means:
      'A tombstone in db/etcd says that this member was removed from the cluster. K3s refuses to start rather than form a cluster of its own. Nothing was changed.',
    doThis: 'To join again: set server: and start. To reset here on purpose: move the tombstone away first.',
    source: 'K3s pkg/etcd/etcd.go Register; R5',
    example: 'level=fatal msg="tombstone file has been detected but --server is empty"',
  },
  {
    id: '33',
    title: 'A new etcd cluster is being made',
    patterns: ['Managed etcd cluster initializing'],
    severity: 'info',
    means:
      'Right for the very first start of a cluster and during a reset. On a server that should join it is a disaster in the making: its server URL is missing and an empty cluster forms. Seen also when K3s is started after a failed restore.',
    doThis: 'If {server} should join: stop it at once, move db/etcd aside, set server:, start again.',
    notThis: 'Do not take a healthy /health for success here: the empty cluster answers it too.',
    source: 'K3s pkg/cluster/bootstrap.go; R13, R19',
    steps: ['stop', 'aside', 'rejoin'],
    example: 'time="2026-11-22T10:26:42Z" level=info msg="Managed etcd cluster initializing"',
  },
  {
    id: '34',
    title: 'The server URL is down; local data is used',
    patterns: ['Unable to reconcile with remote datastore: '],
    severity: 'info',
    means: 'Normal when servers start together and the one behind the URL is not up yet.',
    doThis: 'Nothing, if the other servers are starting.',
    source: 'K3s pkg/cluster/bootstrap.go',
    example: String.raw`time="2026-11-22T10:18:44Z" level=warning msg="Unable to reconcile with remote datastore: Get \"https://10.77.0.11:6443/v1-k3s/server-bootstrap\": dial tcp 10.77.0.11:6443: connect: connection refused"`,
  },
  {
    id: '35',
    title: 'Adding the member timed out; K3s tries again',
    patterns: ['Retrying etcd cluster join: MemberAdd request timed out'],
    severity: 'warning',
    means: 'The cluster has no leader at the moment, or is slow.',
    doThis: 'Check that {primary} and the servers already there have a leader (1).',
    source: 'K3s pkg/etcd/etcd.go',
    example: 'level=info msg="Retrying etcd cluster join: MemberAdd request timed out"',
  },
];
