import type { Symptom } from '../../src/lookup/types.js';

/** Fact file 4.4: node password, agents, kubelet. */
export const nodeSymptoms: readonly Symptom[] = [
  {
    id: '49',
    title: 'The node’s password is not the one the cluster knows',
    patterns: ["Node password rejected, duplicate hostname or contents of '"],
    severity: 'error',
    means:
      'The host was installed again under its old name, its password file was lost, or two hosts share a name. After a restore it may also be a host younger than the snapshot.',
    doThis:
      'Make sure that no second host has this name, then delete the Secret <node>.node-password.k3s in kube-system. An agent heals within ten seconds, a server after a restart.',
    source: '#6054, #802, #3435; R38',
    example:
      'time="2026-11-22T10:43:39Z" level=info msg="Waiting to retrieve agent configuration; server is not ready: /var/lib/rancher/k3s/agent/serving-kubelet.crt: Node password rejected, duplicate hostname or contents of \'/etc/rancher/node/password\' may not match server node-passwd entry, try enabling a unique node name with the --with-node-id flag"',
  },
  {
    id: '50',
    title: 'The server refuses a node’s password',
    patterns: ['unable to verify password for node '],
    severity: 'error',
    means: 'The same as 49, seen from the server. The line names the node.',
    doThis: 'Delete the Secret <node>.node-password.k3s of the named node in kube-system.',
    source: 'K3s pkg/nodepassword; #12782; R38',
    example:
      'time="2026-11-22T10:43:39Z" level=error msg="Sending HTTP/1.1 403 response to 10.77.0.14:34090: unable to verify password for node node-4: hash does not match"',
  },
  {
    id: '51',
    title: 'The node’s object was deleted; it registers again',
    patterns: [
      'unable to verify node identity',
      'Node authorization rejected, retrying without client certificate authentication',
    ],
    severity: 'info',
    means: 'The node still holds a certificate for a Node that is gone, and goes back to its token.',
    doThis: 'Wait. It comes back by itself.',
    source: 'K3s pkg/nodepassword, pkg/agent/config',
    example: 'level=info msg="Node authorization rejected, retrying without client certificate authentication"',
    also: ['level=error msg="Sending HTTP/1.1 403 response to 10.77.0.14:34090: unable to verify node identity"'],
  },
  {
    id: '52',
    title: 'The node waits for its configuration',
    patterns: ['Waiting to retrieve agent configuration; server is not ready: '],
    severity: 'warning',
    means:
      'No server gives it yet. The end of the line says why; "503" and "starting" only mean that the server is coming up.',
    doThis: 'Bring a server up. If one is up, look up the end of the line.',
    source: 'K3s pkg/agent/config; R45',
    example:
      'time="2026-11-22T10:58:47Z" level=info msg="Waiting to retrieve agent configuration; server is not ready: /var/lib/rancher/k3s/agent/serving-kubelet.crt: https://127.0.0.1:6444/v1-k3s/serving-kubelet.crt: 503 Service Unavailable"',
  },
  {
    id: '53',
    title: 'The agent cannot validate the cluster',
    patterns: ['Failed to validate connection to cluster at '],
    severity: 'warning',
    means: 'Server URL, token or CA do not fit, or the server is still starting. The end of the line says which.',
    doThis: 'Check that {primary} is ready; else look up the end of the line (28 to 31, 41).',
    source: 'K3s pkg/agent/run.go; R45',
    example:
      'time="2026-11-22T10:58:44Z" level=error msg="Failed to validate connection to cluster at https://10.77.0.11:6443: 503 Service Unavailable"',
  },
  {
    id: '54',
    title: 'No server behind the agent’s own load balancer',
    patterns: [
      String.raw`failed to get CA certs: Get \\?"https://127\.0\.0\.1:6444/cacerts\\?": .{0,200}(?:connection reset|refused|EOF)`,
    ],
    severity: 'error',
    means: 'The agent reaches the servers through 127.0.0.1:6444, and none of those on its list answers.',
    doThis:
      'Bring a server up. If the list is stale (servers were replaced): move agent/etc/k3s-agent-load-balancer.json aside and restart k3s-agent.',
    source: '#4914, rancher/rke2#5651; R45',
    steps: ['restart-agents'],
    example: String.raw`level=error msg="failed to get CA certs: Get \"https://127.0.0.1:6444/cacerts\": read tcp 127.0.0.1:51000->127.0.0.1:6444: read: connection reset by peer"`,
  },
  {
    id: '55',
    title: 'A node is not there',
    patterns: ['Kubelet stopped posting node status', String.raw`nodes? \\{0,3}"[^"\\]{1,253}\\{0,3}" not found`],
    severity: 'info',
    means:
      'The host is down, has not joined again, or the Node comes from the snapshot and has no host any more. While a node registers for the first time its own kubelet says "not found" a few times.',
    doThis: 'Start the host. If there is none any more, delete the Node.',
    notThis: 'Do not delete the Node of a host that only has not been started yet.',
    source: 'fact file 1.11; R18',
    steps: ['peer-ready', 'restart-agents', 'verify-nodes'],
    example: 'Kubelet stopped posting node status.',
    also: [
      String.raw`E1122 10:11:50.000000      78 eviction_manager.go:297] "Eviction manager: failed to get summary stats" err="failed to get node info: node \"node-1\" not found"`,
    ],
  },
  {
    id: '56',
    title: 'The tunnel to a server is down',
    patterns: ['Failed to connect to proxy', 'Remotedialer proxy error'],
    severity: 'warning',
    means:
      'The node cannot reach that server’s port 6443. Normal while a server is stopped; with "x509" the CA differs.',
    doThis:
      'Nothing while that server is down. With x509 or "bad handshake" after the servers are ready: follow entry 41 on this node.',
    source: '#2875; R45',
    steps: ['restart-agents'],
    example:
      'time="2026-11-22T10:57:36Z" level=error msg="Remotedialer proxy error; reconnecting..." error="dial tcp 10.77.0.12:6443: connect: connection refused" url="wss://10.77.0.12:6443/v1-k3s/connect"',
    also: [
      'time="2026-11-22T10:57:36Z" level=error msg="Failed to connect to proxy. Empty dialer response" error="dial tcp 10.77.0.12:6443: connect: connection refused"',
    ],
  },
];
