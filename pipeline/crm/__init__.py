"""Scores on their way into a CRM: HubSpot, Salesforce, or any server that takes JSON over HTTPS."""
