# API Gateway has no custom domains: a load balancer holds the certificate and hands everything to the gateway.
# Port 80 stays closed: a key that was sent there is lost already, and a redirect would hide that.
resource "google_compute_global_address" "api" {
  project = var.project.id
  name    = "tok-${var.environment}-api"
}

resource "google_compute_managed_ssl_certificate" "api" {
  project = var.project.id
  name    = "tok-${var.environment}-api-${substr(sha256(var.domain), 0, 8)}"

  managed {
    domains = [var.domain]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_compute_ssl_policy" "api" {
  project         = var.project.id
  name            = "tok-${var.environment}-api"
  profile         = "RESTRICTED"
  min_tls_version = "TLS_1_2"
}

resource "google_compute_region_network_endpoint_group" "gateway" {
  provider = google-beta

  project               = var.project.id
  region                = var.region
  name                  = "tok-${var.environment}-gateway"
  network_endpoint_type = "SERVERLESS"

  serverless_deployment {
    platform = "apigateway.googleapis.com"
    resource = google_api_gateway_gateway.tok.gateway_id
  }
}

resource "google_compute_backend_service" "gateway" {
  project               = var.project.id
  name                  = "tok-${var.environment}-gateway"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  protocol              = "HTTPS"
  enable_cdn            = false

  backend {
    group = google_compute_region_network_endpoint_group.gateway.id
  }

  # Its lines would hold query strings, and with them the callback's codes. The functions' lines hold none, and
  # those of Google's own that do are dropped (log_exclusions.tf of the root).
  log_config {
    enable = false
  }
}

resource "google_compute_url_map" "api" {
  project         = var.project.id
  name            = "tok-${var.environment}-api"
  default_service = google_compute_backend_service.gateway.id
}

resource "google_compute_target_https_proxy" "api" {
  project          = var.project.id
  name             = "tok-${var.environment}-api"
  url_map          = google_compute_url_map.api.id
  ssl_certificates = [google_compute_managed_ssl_certificate.api.id]
  ssl_policy       = google_compute_ssl_policy.api.id
}

resource "google_compute_global_forwarding_rule" "api" {
  project               = var.project.id
  name                  = "tok-${var.environment}-api"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.api.id
  port_range            = "443"
  target                = google_compute_target_https_proxy.api.id
}
