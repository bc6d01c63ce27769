"""One made-up history of leads, written as the exports of many CRMs: their headers, languages, delimiters and dates.

Headers of English exports are those of public code that reads them; of other languages they are as remembered.
"""

from __future__ import annotations

from tests.pipeline.crm_of_houses import italian, japanese, plain_english, unknown
from tests.pipeline.crm_of_large import (
    hubspot,
    hubspot_deals,
    pipedrive,
    pipedrive_folder,
    pipedrive_of_deals,
    salesforce_report,
)
from tests.pipeline.crm_of_others import (
    close_io,
    dynamics,
    freshsales,
    ga4,
    mautic,
    odoo,
    segment,
    snowplow,
    zoho,
)
from tests.pipeline.crm_of_small import copper, sell, sugar
from tests.pipeline.crm_world import Writer, dotted, iso, slashed

EXPORTS: dict[str, Writer] = {
    "pipedrive de": pipedrive("de", dotted, ";"),
    "pipedrive fr": pipedrive("fr", slashed, ";"),
    "pipedrive es": pipedrive("es", slashed, ";"),
    "pipedrive en": pipedrive("en", iso, ",", lambda number: f"{number:.2f}"),
    "pipedrive folder": pipedrive_folder,
    "pipedrive of deals": pipedrive_of_deals,
    "hubspot de": hubspot("de", dotted),
    "hubspot fr": hubspot("fr", slashed),
    "hubspot es": hubspot("es", slashed),
    "hubspot deals": hubspot_deals,
    "salesforce report": salesforce_report,
    "ga4": ga4,
    "segment": segment,
    "snowplow": snowplow,
    "odoo": odoo,
    "mautic": mautic,
    "zoho": zoho,
    "dynamics": dynamics,
    "close": close_io,
    "freshsales": freshsales,
    "copper": copper,
    "sugar de": sugar,
    "zendesk sell": sell,
    "unknown danish": unknown,
    "unknown english": plain_english,
    "unknown italian": italian,
    "unknown japanese": japanese,
}
