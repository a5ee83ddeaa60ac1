/** Temporary folders and the reading of rendered sites, for the site's tests. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'

const made: string[] = []

/** Each file of tests that makes folders calls it when it is over. */
export function removeFolders(): void {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true })
}

/** A new empty folder. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'collatz-site-'))
  made.push(path)
  return path
}

/** Every file below a folder, by its relative path. */
export function filesOf(root: string): Map<string, Buffer> {
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).map((name) => join(root, name))
  return new Map(
    paths
      .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile())
      .sort()
      .map((path) => [relative(root, path), readFileSync(path)]),
  )
}

export interface Markup {
  readonly links: string[]
  readonly ids: Set<string>
  readonly elements: string[]
  /** Attributes as 'element attribute'. */
  readonly attributes: Set<string>
}

/** What a page is made of, read by an HTML parser. */
export async function markup(html: Buffer): Promise<Markup> {
  const found: Markup = { links: [], ids: new Set(), elements: [], attributes: new Set() }
  const rewriter = new HTMLRewriter().on('*', {
    element(element) {
      found.elements.push(element.tagName)
      for (const [name, value] of element.attributes) {
        found.attributes.add(`${element.tagName} ${name}`)
        if (name === 'id') found.ids.add(value ?? '')
        if (name === 'href' || name === 'src') found.links.push(value ?? '')
      }
    },
  })
  await rewriter.transform(new Response(html.toString())).text()
  return found
}
