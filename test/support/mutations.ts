/** Seeded damage to a bbolt image, each kind the reader must survive. Page size is 4096, as in the recorded snapshots. */

const PAGE = 4096;

/** mulberry32: small, seeded, good enough to choose where to break things. */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  };
}

type Random = (below: number) => number;
type Mutation = (image: Buffer, random: Random) => Buffer;

/** A page that is a branch or a leaf, of those in the first megabytes. */
function treePage(image: Buffer, random: Random, flag?: number): number {
  for (let tries = 0; tries < 2000; tries++) {
    const page = 2 + random(Math.floor(image.length / PAGE) - 2);
    const flags = image.readUInt16LE(page * PAGE + 8);
    const right = flag === undefined ? flags === 1 || flags === 2 : flags === flag;
    if (right && image.readUInt32LE(page * PAGE) === page && image.readUInt16LE(page * PAGE + 10) > 0) return page;
  }
  return 2;
}

function element(image: Buffer, random: Random, flag?: number): number {
  const page = treePage(image, random, flag);
  return page * PAGE + 16 + 16 * random(Math.max(1, Math.min(200, image.readUInt16LE(page * PAGE + 10))));
}

const HUGE = [0xffffffff, 0x7fffffff, 0x80000000, 0xfffffff0, 65536, 4096, 0];

export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  'flip one bit': (image, random) => {
    const at = random(image.length);
    image[at] = (image[at] ?? 0) ^ (1 << random(8));
    return image;
  },
  'flip bits in a header': (image, random) => {
    const at = treePage(image, random) * PAGE + random(16);
    image[at] = (image[at] ?? 0) ^ (1 + random(255));
    return image;
  },
  'overwrite a run': (image, random) => {
    const at = random(image.length - 64);
    for (let i = 0; i < 64; i++) image[at + i] = random(256);
    return image;
  },
  truncate: (image, random) => image.subarray(0, random(image.length)),
  'truncate at a page': (image, random) => image.subarray(0, PAGE * random(image.length / PAGE)),
  'swap pages': (image, random) => {
    const [a, b] = [treePage(image, random) * PAGE, treePage(image, random) * PAGE];
    const held = Buffer.from(image.subarray(a, a + PAGE));
    image.copy(image, a, b, b + PAGE);
    held.copy(image, b);
    return image;
  },
  'swap pages with their numbers': (image, random) => {
    const [a, b] = [treePage(image, random), treePage(image, random)];
    const held = Buffer.from(image.subarray(a * PAGE, a * PAGE + PAGE));
    image.copy(image, a * PAGE, b * PAGE, b * PAGE + PAGE);
    held.copy(image, b * PAGE);
    image.writeUInt32LE(a, a * PAGE);
    image.writeUInt32LE(b, b * PAGE);
    return image;
  },
  'double a page': (image, random) => {
    const [from, to] = [treePage(image, random), treePage(image, random)];
    image.copy(image, to * PAGE, from * PAGE, from * PAGE + PAGE);
    image.writeUInt32LE(to, to * PAGE);
    return image;
  },
  'circle in the tree': (image, random) => {
    const branch = treePage(image, random, 1);
    const at = branch * PAGE + 16 + 16 * random(Math.max(1, image.readUInt16LE(branch * PAGE + 10)));
    image.writeUInt32LE(random(2) === 0 ? branch : treePage(image, random), at + 8);
    return image;
  },
  'reference out of bounds': (image, random) => {
    const at = element(image, random, 1);
    image.writeUInt32LE(HUGE[random(HUGE.length)] ?? 0, at + 8);
    if (random(2) === 0) image.writeUInt32LE(0xffffffff, at + 12);
    return image;
  },
  'position or length beyond the page': (image, random) => {
    image.writeUInt32LE(HUGE[random(HUGE.length)] ?? 0, element(image, random) + 4 * random(4));
    return image;
  },
  'huge count': (image, random) => {
    image.writeUInt16LE([0xffff, 0x8000, 5000][random(3)] ?? 0, treePage(image, random) * PAGE + 10);
    return image;
  },
  'huge overflow': (image, random) => {
    image.writeUInt32LE(HUGE[random(HUGE.length)] ?? 0, treePage(image, random) * PAGE + 12);
    return image;
  },
  'break a header': (image, random) => {
    const at = 16 + random(2) * PAGE + random(64);
    image[at] = (image[at] ?? 0) ^ (1 + random(255));
    return image;
  },
  'hostile keys': (image, random) => {
    const at = element(image, random, 2);
    const key = at + image.readUInt32LE(at + 4);
    for (let i = 0; i < 17 && key + i < image.length; i++) image[key + i] = [0, 0xff, 0x1b, 0x0a][random(4)] ?? 0;
    return image;
  },
  'zeros over a page': (image, random) => {
    const at = treePage(image, random) * PAGE;
    return image.fill(0, at, at + PAGE);
  },
};
