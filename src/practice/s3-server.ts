import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { BUCKET, type Bucket, type BucketObject } from './bucket/bucket.js';
import { refusalOf } from './bucket/signature.js';

const xmlText = (text: string): string => text.replace(/[<>&"']/g, (char) => `&#${char.charCodeAt(0)};`);

function sendXml(response: ServerResponse, status: number, body: string, head: boolean): void {
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n${body}`;
  response.writeHead(status, { 'Content-Type': 'application/xml', 'Content-Length': Buffer.byteLength(text) });
  response.end(head ? undefined : text);
}

/** An S3 endpoint over a bucket, path style, every request's signature verified. */
export class S3Server {
  readonly #server: Server;
  #requests = 0;
  readonly #drops = new Map<string, number>();

  private constructor(private readonly bucket: Bucket) {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
  }

  /** Listens on loopback; `now` is what the request time is compared with. */
  static async listen(bucket: Bucket, port = 0): Promise<S3Server> {
    const made = new S3Server(bucket);
    await new Promise<void>((resolve, reject) => {
      made.#server.once('error', reject);
      made.#server.listen(port, '127.0.0.1', resolve);
    });
    return made;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #fail(request: IncomingMessage, response: ServerResponse, status: number, code: string, message: string): void {
    const resource = xmlText((request.url ?? '/').split('?')[0] ?? '/');
    sendXml(
      response,
      status,
      `<Error><Code>${code}</Code><Message>${xmlText(message)}</Message><Resource>${resource}</Resource><RequestId>PRACTICE</RequestId></Error>`,
      request.method === 'HEAD',
    );
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#requests += 1;
    const { faults } = this.bucket;
    const url = new URL(request.url ?? '/', 'http://s3');
    const [, bucket = '', ...rest] = url.pathname.split('/');
    const key = decodeURIComponent(rest.join('/'));
    const fail = (status: number, code: string, message: string): void =>
      this.#fail(request, response, status, code, message);
    const refusal = refusalOf(request, Date.now());
    if (refusal !== undefined) return fail(refusal.status, refusal.code, refusal.message);
    if (faults.has('denied-bucket')) return fail(403, 'AccessDenied', 'Access Denied.');
    if (faults.has('throttled-bucket') && this.#requests % 2 === 1)
      return fail(503, 'SlowDown', 'Please reduce your request rate.');
    if (bucket !== BUCKET || faults.has('missing-bucket'))
      return fail(404, 'NoSuchBucket', 'The specified bucket does not exist');
    if (key === '') return this.#bucketRequest(request, response, url);
    const object = this.bucket.objects.get(key);
    if (request.method === 'PUT') return this.#put(request, response, key);
    if (request.method === 'DELETE') {
      this.bucket.objects.delete(key);
      response.writeHead(204).end();
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return fail(405, 'MethodNotAllowed', 'The specified method is not allowed against this resource.');
    if (object === undefined) return fail(404, 'NoSuchKey', 'The specified key does not exist.');
    return this.#get(request, response, object);
  }

  async #bucketRequest(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    if (request.method === 'HEAD') {
      response.writeHead(200, { 'x-amz-bucket-region': 'us-east-1' }).end();
      return;
    }
    if (request.method !== 'GET')
      return this.#fail(
        request,
        response,
        405,
        'MethodNotAllowed',
        'The specified method is not allowed against this resource.',
      );
    if (url.searchParams.has('location'))
      return sendXml(
        response,
        200,
        '<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></LocationConstraint>',
        false,
      );
    const prefix = url.searchParams.get('prefix') ?? '';
    const delimiter = url.searchParams.get('delimiter') ?? '';
    const max = Math.min(1000, Number(url.searchParams.get('max-keys') ?? 1000));
    const token = url.searchParams.get('continuation-token');
    const after =
      token === null ? (url.searchParams.get('start-after') ?? '') : Buffer.from(token, 'base64').toString('utf8');
    const contents: string[] = [];
    const folders = new Set<string>();
    let last = '';
    let truncated = false;
    for (const key of [...this.bucket.objects.keys()].sort()) {
      if (!key.startsWith(prefix) || key <= after) continue;
      const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      const folder = cut < 0 ? undefined : key.slice(0, cut + delimiter.length);
      if (folder !== undefined && (folders.has(folder) || after.startsWith(folder))) continue;
      if (contents.length + folders.size >= max) {
        truncated = true;
        break;
      }
      last = folder === undefined ? key : `${folder}\u{10ffff}`;
      if (folder !== undefined) folders.add(folder);
      else contents.push(await this.#row(key));
    }
    const next = truncated
      ? `<NextContinuationToken>${Buffer.from(last).toString('base64')}</NextContinuationToken>`
      : '';
    const common = [...folders]
      .map((one) => `<CommonPrefixes><Prefix>${xmlText(one)}</Prefix></CommonPrefixes>`)
      .join('');
    sendXml(
      response,
      200,
      `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${BUCKET}</Name><Prefix>${xmlText(prefix)}</Prefix><KeyCount>${contents.length + folders.size}</KeyCount><MaxKeys>${max}</MaxKeys><IsTruncated>${truncated}</IsTruncated>${next}${contents.join('')}${common}</ListBucketResult>`,
      false,
    );
  }

  async #row(key: string): Promise<string> {
    const object = this.bucket.objects.get(key);
    if (object === undefined) return '';
    const size = (await object.bytes()).length;
    return `<Contents><Key>${xmlText(key)}</Key><LastModified>${new Date(object.modified).toISOString()}</LastModified><ETag>${xmlText(await this.bucket.etag(object))}</ETag><Size>${size}</Size><StorageClass>STANDARD</StorageClass></Contents>`;
  }

  async #put(request: IncomingMessage, response: ServerResponse, key: string): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const meta = Object.fromEntries(
      Object.entries(request.headers)
        .filter(([name]) => name.startsWith('x-amz-meta-'))
        .map(([name, value]) => [name.slice(11), String(value)]),
    );
    this.bucket.store(
      key,
      new Uint8Array(Buffer.concat(chunks)),
      Date.now(),
      request.headers['content-type'] ?? 'application/octet-stream',
      meta,
    );
    const object = this.bucket.objects.get(key);
    response.writeHead(200, { ETag: object === undefined ? '' : await this.bucket.etag(object) }).end();
  }

  async #get(request: IncomingMessage, response: ServerResponse, object: BucketObject): Promise<void> {
    const bytes = await object.bytes();
    const etag = await this.bucket.etag(object);
    if (request.headers['if-match'] !== undefined && request.headers['if-match'] !== etag)
      return this.#fail(
        request,
        response,
        412,
        'PreconditionFailed',
        'At least one of the pre-conditions you specified did not hold',
      );
    const range = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '');
    let from = 0;
    let to = bytes.length - 1;
    if (range) {
      if (range[1] === '') from = Math.max(0, bytes.length - Number(range[2]));
      else {
        from = Number(range[1]);
        if (range[2] !== '') to = Math.min(to, Number(range[2]));
      }
      if (from >= bytes.length || from > to)
        return this.#fail(request, response, 416, 'InvalidRange', 'The requested range is not satisfiable');
    }
    const part = bytes.subarray(from, to + 1);
    response.writeHead(range ? 206 : 200, {
      'Content-Length': part.length,
      'Content-Type': object.type,
      'Accept-Ranges': 'bytes',
      ETag: etag,
      'Last-Modified': new Date(object.modified).toUTCString(),
      ...(range ? { 'Content-Range': `bytes ${from}-${to}/${bytes.length}` } : {}),
      ...Object.fromEntries(Object.entries(object.meta).map(([name, value]) => [`x-amz-meta-${name}`, value])),
    });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    await this.#body(response, object.key, part);
  }

  async #body(response: ServerResponse, key: string, part: Uint8Array): Promise<void> {
    const drops = this.#drops.get(key) ?? 0;
    if (this.bucket.faults.has('dropped-downloads') && drops < 2 && part.length > 100_000) {
      this.#drops.set(key, drops + 1);
      response.write(part.subarray(0, 100_000), () => response.destroy());
      return;
    }
    if (!this.bucket.faults.has('slow-bucket')) {
      response.end(part);
      return;
    }
    for (let at = 0; at < part.length && !response.destroyed; at += 10_000) {
      response.write(part.subarray(at, at + 10_000));
      await pause(100);
    }
    response.end();
  }
}
