"""Pull leads, activities and field histories out of a CRM, into files that a project reads."""
