/** The wasm engine runs in a browser unchanged. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { buildKernel } from '../../kernels/wasm/build.ts'
import { CHROMIUM, hasChromium } from '../chromium.ts'

setDefaultTimeout(2_400_000)
if (!hasChromium()) console.log(`No ${CHROMIUM}: the wasm engine is not tried in a browser`)

async function bundle(entry: string): Promise<string> {
  const { outputs } = await Bun.build({ entrypoints: [join(import.meta.dirname, entry)], target: 'browser' })
  return outputs.find(({ kind }) => kind === 'entry-point')!.text()
}

test.skipIf(!hasChromium())('two workers of a page find the hard numbers of a window from 2^71', async () => {
  const [page, worker, kernel] = [
    await bundle('wasm-page.ts'),
    await bundle('../../kernels/wasm/worker.ts'),
    await buildKernel(),
  ]
  const script = (text: string) => new Response(text, { headers: { 'content-type': 'text/javascript' } })
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: (request) => {
      const { pathname } = new URL(request.url)
      if (pathname === '/page.js') return script(page)
      if (pathname === '/worker.js') return script(worker)
      if (pathname === '/kernel.wasm') return new Response(Bun.file(kernel))
      return new Response('<!doctype html><script type="module" src="/page.js"></script>', {
        headers: { 'content-type': 'text/html' },
      })
    },
  })
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  try {
    const tab = await browser.newPage()
    const errors: string[] = []
    tab.on('pageerror', (error) => errors.push(String(error)))
    tab.on('console', (message) => errors.push(message.text()))
    await tab.goto(server.url.href)
    await tab.waitForFunction(() => document.title !== '', undefined, { timeout: 600_000 }).catch(() => {})
    expect({ title: await tab.title(), errors: errors.filter((error) => !error.includes('favicon')) }).toEqual({
      title: '23602 fcebef4aafc5b6be',
      errors: [],
    })
  } finally {
    await browser.close()
    await server.stop(true)
  }
})
