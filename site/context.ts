/** What every page is rendered from: the router carries it as its context. */
import { rootRouteId, useRouteContext } from '@tanstack/react-router'
import type { SiteData } from './data.ts'

export interface SiteContext {
  /** Already `checked`. */
  readonly data: SiteData
  /** Relative path from the page being rendered to the site's root: './', '../' or '../../'. */
  readonly root: string
}

export function useSite(): SiteContext {
  return useRouteContext({ from: rootRouteId })
}
