variable "project_id" {
  type        = string
  description = "The Google Cloud project that holds the whole platform."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "A project id has 6 to 30 lower-case letters, digits and hyphens, and starts with a letter."
  }
}

variable "region" {
  type        = string
  description = "Where functions, queues, keys, bundles and the gateway are. API Gateway must offer it, so that no call crosses regions."
  default     = "europe-west1"
  nullable    = false

  validation {
    condition     = contains(["europe-west1", "europe-west2"], var.region)
    error_message = "API Gateway is in europe-west1 (in the European Union) and europe-west2 only, of Europe's regions."
  }
}

variable "firestore_location" {
  type        = string
  description = "Firestore's location: a region, or eur3 for several. It can never be changed."
  default     = "europe-west1"
  nullable    = false

  validation {
    condition     = can(regex("^(eur3|europe-[a-z]+[0-9]+)$", var.firestore_location))
    error_message = "Bank data stays in Europe: eur3 or a europe-… region."
  }
}

variable "domains" {
  type        = object({ live = string, sandbox = string })
  description = "The API's host name in each environment."
  default     = { live = "api.tokapi.io", sandbox = "sandbox.api.tokapi.io" }
  nullable    = false

  validation {
    condition     = alltrue([for domain in values(var.domains) : can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", domain))])
    error_message = "A domain is a host name such as api.tokapi.io, without scheme or path."
  }
  validation {
    condition     = var.domains.live != var.domains.sandbox
    error_message = "Each environment needs a host name of its own."
  }
}

variable "dist_folder" {
  type        = string
  description = "What `make package` wrote: bundles.json, bundles/ and gateway.<environment>.json. Relative to this folder, or absolute."
  default     = "../../dist"
  nullable    = false
}

variable "manifest_path" {
  type        = string
  description = "functions/manifest.yaml, the list that everything about functions and queues is derived from."
  default     = "../../functions/manifest.yaml"
  nullable    = false
}

variable "runtime" {
  type        = string
  description = "The functions' Python. The bundles' requirements are locked and tested for it."
  default     = "python311"
  nullable    = false

  validation {
    condition     = can(regex("^python3(1[1-9])$", var.runtime))
    error_message = "The code needs Python 3.11 or newer, such as python311."
  }
}

variable "max_instances_factor" {
  type        = object({ live = number, sandbox = number })
  description = "Multiplies each function's max_instances of the manifest; the sandbox may be smaller."
  default     = { live = 1, sandbox = 0.2 }
  nullable    = false

  validation {
    condition     = alltrue([for factor in values(var.max_instances_factor) : factor > 0 && factor <= 20])
    error_message = "A factor is above 0 and at most 20."
  }
}

variable "trusted_proxies" {
  type        = number
  description = "How many of the last addresses in X-Forwarded-For are Google's own, the load balancer's not counted. Confirmed once, as docs/operations.md says."
  default     = 1
  nullable    = false

  validation {
    condition     = contains(range(6), var.trusted_proxies)
    error_message = "A whole number from 0 to 5."
  }
}

variable "users" {
  type = object({
    issuer     = optional(string)
    audience   = optional(string)
    jwks_url   = optional(string, "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com")
    portal_url = optional(string, "https://developer.tokapi.io")
  })
  description = "How the portal's users sign in (OpenID Connect): issuer and audience are this project's Identity Platform unless given."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for url in [coalesce(var.users.issuer, "https://"), var.users.jwks_url, var.users.portal_url] : startswith(url, "https://")])
    error_message = "Issuer, keys and portal are https URLs."
  }
}

variable "alert_emails" {
  type        = list(string)
  description = "Who is told of alerts and of the budget."
  nullable    = false

  validation {
    condition     = length(var.alert_emails) > 0 && alltrue([for email in var.alert_emails : can(regex("^[^@[:space:]]+@[^@[:space:]]+\\.[a-z]{2,}$", email))])
    error_message = "At least one e-mail address: an alert that reaches nobody is none."
  }
}

variable "alert_channels" {
  type        = list(string)
  description = "Further notification channels, made outside (PagerDuty, Slack: their tokens are secrets), as projects/…/notificationChannels/…."
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for channel in var.alert_channels : can(regex("^projects/[^/]+/notificationChannels/[0-9]+$", channel))])
    error_message = "A channel is projects/<project>/notificationChannels/<number>."
  }
}

variable "billing_account" {
  type        = string
  description = "The billing account that the budget watches."
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.billing_account))
    error_message = "A billing account is three groups of six hexadecimal digits, such as 012345-6789AB-CDEF01."
  }
}

variable "monthly_budget" {
  type        = object({ units = number, currency_code = optional(string, "EUR") })
  description = "What a month may cost, in whole units of the billing account's currency. Alerts, never a stop."
  default     = { units = 1000 }
  nullable    = false

  validation {
    condition     = var.monthly_budget.units >= 1 && floor(var.monthly_budget.units) == var.monthly_budget.units
    error_message = "A budget is a whole number of at least 1."
  }
  validation {
    condition     = can(regex("^[A-Z]{3}$", var.monthly_budget.currency_code))
    error_message = "A currency is three capital letters (ISO 4217)."
  }
}

variable "audit_log_retention_days" {
  type        = number
  description = "How long audit logs of data access are kept."
  default     = 400
  nullable    = false

  validation {
    condition     = var.audit_log_retention_days >= 365 && var.audit_log_retention_days <= 3650
    error_message = "Audit logs are kept for one to ten years."
  }
}

variable "alert_thresholds" {
  type = object({
    server_error_ratio   = optional(number, 0.01)
    latency_p95_ms       = optional(number, 500)
    latency_bank_p95_ms  = optional(number, 15000)
    sync_lag_minutes     = optional(number, 60)
    queue_depth          = optional(number, 5000)
    expiring_consents    = optional(number, 200)
    kms_errors_in_5m     = optional(number, 5)
    limiter_degraded     = optional(number, 20)
    bank_breakers_opened = optional(number, 1)
  })
  description = "When alerts fire. latency_bank_p95_ms is for functions that wait for a bank."
  default     = {}
  nullable    = false

  validation {
    condition     = var.alert_thresholds.server_error_ratio > 0 && var.alert_thresholds.server_error_ratio < 1
    error_message = "server_error_ratio is a share between 0 and 1."
  }
  validation {
    condition     = alltrue([for threshold in values(var.alert_thresholds) : threshold > 0])
    error_message = "Thresholds are above 0."
  }
}
