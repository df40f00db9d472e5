/**
 * How long a look at 100 nodes takes when each answer is 50 ms away: all at once against the slowest node alone, in the same run. The nodes are
 * those of practice clusters in this process, so their own work counts too. Needs a built program (`dist`).
 */
const NODES = 100;
const LATENCY_MS = 50;

/** Prints both times and the ratio. */
export async function benchProbes({ print = (line) => process.stdout.write(`${line}\n`) } = {}) {
  const { createPracticeCluster } = await import('../../dist/src/practice/cluster.js');
  const { surveyHost } = await import('../../dist/src/cluster/survey.js');
  const { quoteArgv } = await import('../../dist/src/remote/quote.js');
  const clusters = Array.from({ length: NODES / 5 }, (_, seed) => createPracticeCluster({ faults: ['healthy'], seed }));
  const nodes = clusters.flatMap((cluster) => [...cluster.nodes.values()]);
  const host = (node) => ({
    name: node.name,
    exec: async ({ argv, signal }) => {
      await new Promise((resolve) => setTimeout(resolve, LATENCY_MS));
      const said = await node.exec(quoteArgv(['env', 'LC_ALL=C', ...argv]), { signal });
      return { code: said.code, stdout: said.stdout, stderr: said.stderr, truncated: false, ms: 0 };
    },
  });
  const about = (node) => {
    const role = node.name < 'node-4' ? 'server' : 'agent';
    const service = role === 'server' ? 'k3s' : 'k3s-agent';
    return { name: node.name, role, address: '', nodeName: node.name, dataDir: '/var/lib/rancher/k3s', service };
  };
  const { signal } = new AbortController();
  const look = (node) => surveyHost(host(node), about(node), signal);
  // The shell library loads its tools when they are first used.
  await look(nodes[0]);
  const alone = await timed(() => look(nodes[0]));
  const together = await timed(() => Promise.all(nodes.map(look)));
  const known = await Promise.all(nodes.map(look));
  const again = await timed(() =>
    Promise.all(nodes.map((node, index) => surveyHost(host(node), about(node), signal, known[index]))),
  );
  for (const cluster of clusters) cluster.close();
  print(
    `probes, ${NODES} nodes ${LATENCY_MS} ms away: first look ${shown(together)}, later looks ${shown(again)} / one node alone ${shown(alone)} = ${(together / alone).toFixed(1)} and ${(again / alone).toFixed(1)}`,
  );
}

const shown = (ms) => `${(ms / 1000).toFixed(2)} s`;

async function timed(work) {
  const from = performance.now();
  await work();
  return performance.now() - from;
}
