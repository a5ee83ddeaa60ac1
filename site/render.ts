/**
 * The whole site as files: each route rendered once by React and the router's memory history,
 * wrapped in the shell of templates/page.eta. The pages hold no script and ask for nothing outside
 * their own folder, which a policy in their head has the browser enforce. The same data gives the
 * same bytes.
 */
import { Eta } from 'eta/core'
import { createElement } from 'react'
import { renderToStaticMarkup } from 'react-dom/server'
import shell from '../templates/page.eta' with { type: 'text' }
import { checked, dataJson, type SiteData, SiteDataError } from './data.ts'
import { type SiteFile, writeSite } from './output.ts'
import { SiteApp, siteRouter } from './router.tsx'
import pageStyle from './style/page.css' with { type: 'text' }
import partsStyle from './style/parts.css' with { type: 'text' }

/**
 * A tombstone: the mark of a finished proof, and of a certified window. In the page itself, so that
 * no request is made.
 */
const ICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect x="6" y="3" width="20" height="26" fill="#3b76c4"/></svg>',
)}`

const style = `${pageStyle}\n${partsStyle}`
const eta = new Eta({ autoEscape: true })

interface Page {
  /** Path in the route tree. */
  readonly route: string
  /** Path of the file, from the site's root. */
  readonly file: string
}

/** Every page of the data, in the order they are written. */
function pages(data: SiteData): Page[] {
  const routes = [
    '/',
    '/windows/',
    ...data.windows.map((window) => `/windows/${window.index}/`),
    '/accounts/',
    ...data.accounts.map((account) => `/accounts/${account.key}/`),
    '/believe/',
  ]
  return [
    ...routes.map((route) => ({ route, file: `${route.slice(1)}index.html` })),
    { route: '/404/', file: '404.html' },
  ]
}

/**
 * 404.html is shown at any depth, where a relative path to the style sheet would lead nowhere: it
 * carries it inside.
 */
function policy(inlineStyle: string | null): string {
  const styles =
    inlineStyle === null ? "'self'" : `'sha256-${new Bun.CryptoHasher('sha256').update(inlineStyle).digest('base64')}'`
  return `default-src 'none'; style-src ${styles}; img-src data:; base-uri 'self'; form-action 'none'`
}

async function renderPage(data: SiteData, page: Page): Promise<string> {
  const root = '../'.repeat(page.file.split('/').length - 1) || './'
  const router = siteRouter(page.route, { data, root })
  await router.load()
  const failed = router.state.matches.find((match) => match.status === 'error')
  if (failed !== undefined) throw failed.error
  const meta = router.state.matches.flatMap((match) => match.meta ?? [])
  const title = meta.findLast((tag) => tag?.title)?.title ?? 'No such page · collatz'
  const description = meta.findLast((tag) => tag?.name === 'description')?.content ?? 'There is no page here.'
  const inlineStyle = page.file === '404.html' ? style : null
  const body = renderToStaticMarkup(createElement(SiteApp, { router }))
  return eta.renderString(shell, {
    title,
    description,
    root,
    body,
    inlineStyle,
    icon: ICON,
    policy: policy(inlineStyle),
  })
}

function certificateBytes(data: SiteData, certificates: ReadonlyMap<string, Uint8Array>): Map<string, Uint8Array> {
  const wanted = data.windows.flatMap((window) => window.certificate ?? [])
  return new Map(
    wanted.map(({ file, bytes }) => {
      const content = certificates.get(file)
      if (content === undefined)
        throw new SiteDataError(`the certificate ${file} is named by the data but was not given`)
      if (content.length !== bytes) {
        throw new SiteDataError(`the certificate ${file} has ${content.length} bytes; the data says ${bytes}`)
      }
      return [file, content]
    }),
  )
}

export interface RenderedSite {
  /** Paths of the files from outDir, sorted. */
  readonly files: readonly string[]
  readonly bytes: number
}

/**
 * Writes the site of `data` into `outDir`, which is made when missing. Files of an earlier
 * rendering that are no longer part of the site are removed; nothing else is.
 * @param options.certificates content of each certificate that the data names, by file name
 * @throws {SiteDataError} the data can't be shown, or a certificate is missing or of another length
 * @throws {OutputError} outDir holds something that this did not write
 */
export async function renderSite(
  data: SiteData,
  outDir: string,
  options: { certificates: ReadonlyMap<string, Uint8Array> },
): Promise<RenderedSite> {
  const clean = checked(data)
  const certificates = certificateBytes(clean, options.certificates)
  const files: SiteFile[] = [
    ...pages(clean).map((page) => ({ path: page.file, content: () => renderPage(clean, page) })),
    { path: 'style.css', content: () => style },
    { path: 'data.json', content: () => dataJson(clean) },
    ...[...certificates].map(([file, content]) => ({ path: `certificates/${file}`, content: () => content })),
  ]
  return writeSite(outDir, files)
}
