/**
 * A small gateway for a rendered site: files and nothing else, under any prefix, as an IPFS gateway
 * would serve them. Only GET and HEAD; no path leaves the folder, by '..', by encoding or by a
 * link; names that begin with a dot do not exist.
 */
import { realpath, stat } from 'node:fs/promises'
import { extname, join, sep } from 'node:path'
import type { Server } from 'bun'
import { UserError } from '../orbit/rules/base/errors.ts'

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.car': 'application/vnd.ipld.car',
  '.cbor': 'application/cbor',
}

/** The page can't be served: there is none in the folder, or the address can't be had. */
export class ServeError extends UserError {
  override readonly name = 'ServeError'
}

export interface ServeOptions {
  /** 0: any free one; `url` says which. */
  readonly port: number
  /** 127.0.0.1: this machine only. 0.0.0.0: every interface. */
  readonly hostname: string
  /** Path that the site lies under, such as /ipfs/bafy...: default none. */
  readonly prefix?: string
}

export interface SiteServer {
  /** Address of the first page, with a slash at its end. */
  readonly url: string
  stop(): Promise<void>
}

type Found = { readonly kind: 'file'; readonly path: string } | { readonly kind: 'folder' } | null

async function find(root: string, segments: readonly string[]): Promise<Found> {
  if (segments.some((segment) => segment.startsWith('.') || /[\0/\\]/.test(segment))) return null
  try {
    const path = await realpath(join(root, ...segments))
    if (path !== root && !path.startsWith(root + sep)) return null
    const found = await stat(path)
    if (found.isFile()) return { kind: 'file', path }
    return found.isDirectory() ? { kind: 'folder' } : null
  } catch {
    return null
  }
}

/**
 * The segments of a URL path below the prefix, decoded; null when it is not below it or not
 * well-formed.
 */
function segmentsOf(pathname: string, prefix: string): string[] | null {
  if (pathname !== prefix && !pathname.startsWith(`${prefix}/`)) return null
  try {
    return pathname
      .slice(prefix.length)
      .split('/')
      .filter((segment) => segment !== '')
      .map(decodeURIComponent)
  } catch {
    return null
  }
}

function headers(path: string): HeadersInit {
  return {
    'content-type': TYPES[extname(path).toLowerCase()] ?? 'application/octet-stream',
    'x-content-type-options': 'nosniff',
    // The site is rendered anew while it is served.
    'cache-control': 'no-cache',
  }
}

/**
 * 404.html links from the site's root; <base> makes that hold at the depth of the address that was
 * asked for.
 */
async function missing(root: string, prefix: string): Promise<Response> {
  const page = Bun.file(join(root, '404.html'))
  if (!(await page.exists())) return new Response('There is no page here.\n', { status: 404 })
  const html = (await page.text()).replace('<head>', `<head>\n<base href="${prefix}/">`)
  return new Response(html, { status: 404, headers: headers('404.html') })
}

async function answer(root: string, prefix: string, request: Request): Promise<Response> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return new Response('Only GET and HEAD are answered here.\n', { status: 405, headers: { allow: 'GET, HEAD' } })
  }
  // A request whose Host header is no host name has no URL either.
  if (!URL.canParse(request.url)) return new Response('The request is malformed.\n', { status: 400 })
  const { pathname, search } = new URL(request.url)
  const segments = segmentsOf(pathname, prefix)
  if (segments === null) return missing(root, prefix)
  const found = await find(root, segments)
  if (found?.kind === 'file' && !pathname.endsWith('/')) {
    return new Response(Bun.file(found.path), { headers: headers(found.path) })
  }
  if (found?.kind !== 'folder') return missing(root, prefix)
  // Relative links count from the last slash, so a folder's address must end with one.
  if (!pathname.endsWith('/'))
    return new Response(null, { status: 308, headers: { location: `${pathname}/${search}` } })
  const index = await find(root, [...segments, 'index.html'])
  if (index?.kind !== 'file') return missing(root, prefix)
  return new Response(Bun.file(index.path), { headers: headers(index.path) })
}

function cleanPrefix(prefix: string): string {
  const clean = `/${prefix}`.replace(/\/+/g, '/').replace(/\/$/, '')
  if (!/^[A-Za-z0-9/._~-]*$/.test(clean) || clean.split('/').some((part) => part === '.' || part === '..')) {
    throw new RangeError(`the prefix ${prefix} is not a path of letters, digits and - . _ ~; choose another`)
  }
  return clean
}

/**
 * Serves the site in `dir` until stop() is called.
 * @throws {ServeError} when dir has no index.html, or the address can't be opened
 */
export async function serveSite(dir: string, options: ServeOptions): Promise<SiteServer> {
  const { port, hostname } = options
  const prefix = cleanPrefix(options.prefix ?? '')
  const root = await realpath(dir).catch(() => null)
  if (root === null || (await find(root, ['index.html']))?.kind !== 'file') {
    throw new ServeError(`${dir} holds no page; build one there with: collatz leaderboard build --out ${dir}`)
  }
  let server: Server<undefined>
  try {
    server = Bun.serve({
      port,
      hostname,
      // Errors are not shown with their stack. Bun then shares ports by default: two servers would
      // take turns.
      development: false,
      reusePort: false,
      fetch: (request) => answer(root, prefix, request),
      error: () => new Response('The page could not be read.\n', { status: 500 }),
    })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') {
      throw new ServeError(`port ${port} on ${hostname} is in use by another program; choose another with --port`)
    }
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
      throw new ServeError(`${hostname} is not an address of this machine; choose another with --host`)
    }
    if (code === 'EACCES')
      throw new ServeError(`port ${port} may not be opened by this user; choose one above 1023 with --port`)
    throw error
  }
  const host = hostname.includes(':') ? `[${hostname}]` : hostname
  return { url: `http://${host}:${server.port}${prefix}/`, stop: () => server.stop(true) }
}
